// Package actions has the automation actors that call the suite's other domains.
// Hosts and compositions import it where they make an automation.Service:
//
//	automation.New(automation.Deps{
//		Actors: []automation.Actor{
//			actions.SendEmail{Messages: messages},
//			actions.SetAttributes{Contacts: people},
//			actions.AddTag{Contacts: people},
//		},
//		…
//	}, automation.Config{})
//
// Each actor writes in the transaction of the step that asks it, in batches, and
// nothing leaves the process there: a mail is planned in the ledger of package
// messaging, whose worker sends it. A contact that another absorbed is acted on
// as the one that absorbed it; one that is gone answers ErrNotFound, which ends
// its run.
package actions
