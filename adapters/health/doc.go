// Package health answers the two questions that an orchestrator asks of a
// process. Hosts mount its handler beside their own routes; the platforms of
// adapters/stack make one with their checks.
//
//	/healthz  is the process alive? It touches nothing, so a database that is
//	          down never has every replica restarted.
//	/readyz   may it be sent requests? It runs the checks with a deadline of one
//	          second, and answers 503 when one fails or the host is going down.
//
// Hosts that end a process call Drain first, wait until the load balancer has
// noticed, shut their HTTP server down, so that no caller is left, and end their
// workers then.
package health
