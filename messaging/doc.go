// Package messaging decides what is sent to whom and hands it over: the models
// of outgoing messages, the ports of the channels that carry them, and the
// templates they are written from. Applications that send campaigns and
// transactional mail import it, as do the adapters of channels
// ([github.com/go-engage/engage/adapters/smtpmail] for one); code that only reads
// contacts does not.
//
// # The ledger
//
// [Service.Enqueue] plans messages of saved templates to contacts, in the caller's
// transaction. The worker of [Service.Workers] makes intents of what is due, hands
// those over, and writes their outcomes down: a [Message] ends as accepted, failed,
// skipped or unknown, once, and [MessageSettled] says so. At most
// [Config].MaxUnconfirmed of them are unknown after a process was killed; none is
// lost, and none is sent twice but a [Transactional] one whose outcome is unknown,
// once and under the same Message-ID.
//
// # Sending
//
// An [Email] has one recipient and is handed to an [EmailSender]. What went wrong
// is a [SendError], and its [FailureClass] says what to do next: try again, give
// up, suppress the address, hold the sender, mend the message, or find out what
// became of it. The last is [FailureUnknown]: the message was handed over whole
// and the answer was lost, so sending it again may deliver it twice.
//
// # Templates
//
// A [Template] is Liquid for the subject and both bodies of an email. [Template.Compile]
// checks all of it and answers a [Compiled], which renders for any number of
// recipients at once:
//
//	compiled, err := messaging.Template{
//		Subject: `Hello {{ first_name | default: "there" }}`,
//		HTML:    `<p>Your plan: {{ plan }}</p>`,
//	}.Compile()
//	…
//	mail, err := compiled.Render(map[string]any{"plan": "gold"})
//
// Templates and data come from tenants, so neither is trusted: a template sees
// plain data and nothing else, what it prints into HTML is escaped, and its work,
// its output and its nesting are bounded.
package messaging
