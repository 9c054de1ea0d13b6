// Package kerneltest is the specification of a storage kernel as a test suite:
// transactions, the log of domain events, consumers and leases. Authors of
// storage adapters import it in their tests; programs do not.
//
// A test opens a kernel and gives it a scratch table, through which the suite
// sees what transactions do:
//
//	func TestKernel(t *testing.T) {
//		kerneltest.RunConformance(t, func(t *testing.T) kerneltest.Kernel {
//			clock := engage.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
//			store := open(t, clock)
//			return kerneltest.Kernel{
//				Tx: store, Events: store, Log: store, Parked: store.Parked(), Leases: store.Leases(),
//				Notes: notes{store}, Clock: clock,
//			}
//		})
//	}
//
// Every case opens a kernel of its own and runs beside the others. The names of
// the cases are the rules; a case that fails names the rule that is broken.
//
// Two cases are random scripts of nested calls that commit, fail and panic;
// Suite sets their length and seed. Of adapters/memory, 100,000 transactions:
//
//	go test ./adapters/memory -run TestConformance/a_random_script -engage.transactions 100000 -engage.seed 7
package kerneltest
