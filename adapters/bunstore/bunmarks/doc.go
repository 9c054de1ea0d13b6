// Package bunmarks keeps in SQL which slices of the log consumers have taken
// from a broker. Compositions that run watermillbus.Receivers on a bunstore.Store
// import it and migrate its Schema; others have no such table.
package bunmarks
