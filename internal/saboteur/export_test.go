package saboteur

// FailedIn is failedIn, for the tests of the package.
var FailedIn = failedIn
