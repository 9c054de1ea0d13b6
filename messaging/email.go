package messaging

import (
	"context"
	"fmt"
	"maps"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-engage/engage"
)

// Limits of an email.
const (
	MaxSubjectBytes     = 998      // a line of RFC 5322 §2.1.1; mail clients show about 70 characters
	MaxNameBytes        = 255      // of a display name
	MaxAddressBytes     = 254      // of an address: RFC 5321 §4.5.3.1.3 less the angle brackets
	MaxMessageIDBytes   = 250      // of a message id without its angle brackets
	MaxBodyBytes        = 5 << 20  // of each body; Gmail clips HTML above 102 KB
	MaxHeaders          = 20       // of Headers
	MaxHeaderValueBytes = 4096     // of one header's value
	MaxHeaderWordBytes  = 900      // between two spaces of it, so that it folds into lines of 998
	MaxAttachments      = 20       // files
	MaxFilenameBytes    = 255      // of an attachment's name
	MaxEmailBytes       = 20 << 20 // bodies and attachments together; most receivers refuse more than 25 MiB
)

// EmailSender hands emails to a transport. Adapters implement it; it is safe for
// concurrent use, and each call carries one message in one envelope, so that one
// bad recipient never costs another his mail. Senders keep connections open
// between calls: callers send many emails in many calls.
type EmailSender interface {
	// SendEmail hands one email over and answers once the other side has taken
	// it, or an error.
	//
	// The email is valid (Email.Validate); a sender checks it again and answers
	// a *SendError of class payload when it is not, before anything leaves.
	//
	// Every phase has a deadline of the sender's own; ctx may shorten them. When
	// ctx ends before the message was handed over whole, the class is retryable;
	// after that it is unknown. The caller of a draining worker therefore passes
	// a ctx that outlives the drain.
	//
	// Every error is a *SendError. Its class is the truth about the message:
	// any class but unknown means that the other side has not taken it.
	//
	// A sender does not remember what it has sent. Email.MessageID is the key
	// that a repeat is recognised by, where the other side can.
	SendEmail(ctx context.Context, ws engage.WorkspaceID, email Email) (Receipt, error)
}

// Receipt is the other side's word that it has taken a message.
type Receipt struct {
	// ProviderID is the name the other side gave the message: a provider's id,
	// or the text of an SMTP server's last answer. At most 255 bytes.
	ProviderID string
	// AcceptedAt is when the answer came.
	AcceptedAt time.Time
}

// Address is a mailbox with its display name.
type Address struct {
	Name  string // may be empty; any UTF-8 text without control characters
	Email string // "user@example.com": ASCII; an international domain in its A-label form
}

// IsZero reports whether there is no address.
func (a Address) IsZero() bool { return a == Address{} }

// String is the form of RFC 5322: `"Name" <user@example.com>`.
func (a Address) String() string {
	return (&mail.Address{Name: a.Name, Address: a.Email}).String()
}

// Email is one message to one recipient.
type Email struct {
	From    Address // required
	ReplyTo Address // zero: none
	To      Address // required

	// ReturnPath is the envelope sender, where bounces go; "": From.Email.
	ReturnPath string

	// MessageID names the message for ever, as "01jd3v…@mail.example.com",
	// without angle brackets (RFC 5322 §3.6.4). Required: it is fixed before the
	// first attempt, so that a repeat is the same message.
	MessageID string

	Subject string
	HTML    string // at least one of HTML and Text is required
	Text    string

	// Headers are further header fields by name. Allowed are Auto-Submitted,
	// Feedback-ID, In-Reply-To, List-Id, List-Unsubscribe, List-Unsubscribe-Post,
	// Organization, Precedence, References, and names that start with X-.
	// Values are printable ASCII.
	Headers map[string]string

	Attachments []Attachment
}

// Attachment is a file that goes with an email.
type Attachment struct {
	Filename    string // any UTF-8 text without control characters, slashes, backslashes or "=?"
	ContentType string // a media type, as "application/pdf"; "": application/octet-stream
	Content     []byte
}

// EnvelopeFrom is where bounces go: ReturnPath, or the address of From.
func (e Email) EnvelopeFrom() string {
	if e.ReturnPath != "" {
		return e.ReturnPath
	}
	return e.From.Email
}

// Validate answers ErrInvalid with every fault of the email and its path. What
// passes cannot break out of a header, an envelope or a MIME part: no value
// holds CR, LF, NUL or another control character, addresses survive being parsed
// and printed, names of headers are a closed set.
func (e Email) Validate() error {
	var faults engage.Faults
	checkMailbox(&faults, "from", e.From)
	checkMailbox(&faults, "to", e.To)
	if !e.ReplyTo.IsZero() {
		checkMailbox(&faults, "reply_to", e.ReplyTo)
	}
	if e.ReturnPath != "" {
		checkAddress(&faults, "return_path", e.ReturnPath, MaxAddressBytes)
	}
	checkAddress(&faults, "message_id", e.MessageID, MaxMessageIDBytes)
	checkLine(&faults, "subject", e.Subject, MaxSubjectBytes)

	if e.HTML == "" && e.Text == "" {
		faults.Add("html", "required", "an email needs an HTML body, a text body or both")
	}
	checkBody(&faults, "html", e.HTML)
	checkBody(&faults, "text", e.Text)
	e.checkHeaders(&faults)
	e.checkAttachments(&faults)
	return faults.Err("messaging.Email", "")
}

func (e Email) checkHeaders(faults *engage.Faults) {
	if len(e.Headers) > MaxHeaders {
		faults.Add("headers", "too_many", "%d headers, at most %d", len(e.Headers), MaxHeaders)
		return
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		path, folded, value := fmt.Sprintf("headers[%.60q]", name), strings.ToLower(name), e.Headers[name]
		switch {
		case !isHeaderAllowed(folded):
			faults.Add(path, "not_allowed", "this header cannot be set")
		case seen[folded]:
			faults.Add(path, "duplicate", "the header is set twice")
		case len(value) > MaxHeaderValueBytes:
			faults.Add(path, "too_long", "%d bytes, at most %d", len(value), MaxHeaderValueBytes)
		case strings.TrimSpace(value) == "":
			faults.Add(path, "required", "the value is empty")
		case strings.ContainsFunc(value, isNotPrintableASCII):
			faults.Add(path, "not_ascii", "a header's value is printable ASCII")
		case strings.Contains(value, "  ") || strings.TrimSpace(value) != value:
			faults.Add(path, "invalid", "spaces stand alone and between words")
		case slices.ContainsFunc(strings.Fields(value), func(w string) bool { return len(w) > MaxHeaderWordBytes }):
			faults.Add(path, "too_long", "more than %d bytes without a space", MaxHeaderWordBytes)
		}
		seen[folded] = true
	}
}

func isHeaderAllowed(folded string) bool {
	switch folded {
	case "auto-submitted", "feedback-id", "in-reply-to", "list-id", "list-unsubscribe",
		"list-unsubscribe-post", "organization", "precedence", "references":
		return true
	}
	rest, ok := strings.CutPrefix(folded, "x-")
	return ok && rest != "" && len(folded) <= 64 && !strings.ContainsFunc(rest, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	})
}

func (e Email) checkAttachments(faults *engage.Faults) {
	if len(e.Attachments) > MaxAttachments {
		faults.Add("attachments", "too_many", "%d attachments, at most %d", len(e.Attachments), MaxAttachments)
		return
	}
	total := len(e.HTML) + len(e.Text)
	for i, a := range e.Attachments {
		total += len(a.Content)
		path := fmt.Sprintf("attachments[%d]", i)
		if a.Filename == "" {
			faults.Add(path+".filename", "required", "an attachment needs a name")
		}
		checkLine(faults, path+".filename", a.Filename, MaxFilenameBytes)
		if strings.ContainsAny(a.Filename, `/\`) {
			faults.Add(path+".filename", "invalid", "a name holds no path")
		}
		if strings.Contains(a.Filename, "=?") {
			// Readers decode encoded words here, however the name was quoted.
			faults.Add(path+".filename", "invalid", "=? has no place in a name")
		}
		if a.ContentType != "" && !isMediaType(a.ContentType) {
			faults.Add(path+".content_type", "invalid", "want a media type as application/pdf, without parameters")
		}
	}
	if total > MaxEmailBytes {
		faults.Add("attachments", "too_long", "%d bytes of bodies and attachments, at most %d", total, MaxEmailBytes)
	}
}

// isMediaType takes the plain, lower-case form only: what is printed is what was
// parsed. Composed types would bring parts of their own.
func isMediaType(s string) bool {
	parsed, params, err := mime.ParseMediaType(s)
	return err == nil && parsed == s && len(params) == 0 && len(s) <= 127 && strings.Contains(s, "/") &&
		!strings.HasPrefix(s, "multipart/") && !strings.HasPrefix(s, "message/")
}

func checkMailbox(faults *engage.Faults, path string, a Address) {
	checkLine(faults, path+".name", a.Name, MaxNameBytes)
	checkAddress(faults, path+".email", a.Email, MaxAddressBytes)
}

// checkAddress takes the addresses that every mail server understands: an ASCII
// dot-atom and a host name. Quoted local parts and address literals are valid in
// RFC 5322 and refused here; nobody's customers have them, attackers do.
func checkAddress(faults *engage.Faults, path, address string, limit int) {
	fault := func(code, message string) { faults.Add(path, code, "%s", message) }
	switch local, domain, _ := cutLast(address, '@'); {
	case address == "":
		fault("required", "an address is required")
	case len(address) > limit || len(local) > 64 && limit == MaxAddressBytes:
		fault("too_long", fmt.Sprintf("at most %d bytes, 64 before the @", limit))
	case strings.ContainsFunc(address, isNotPrintableASCII):
		fault("not_ascii", "an address is printable ASCII; an international domain goes in its A-label form")
	case !isDotAtom(local) || !isHostName(domain) || !survivesParsing(address):
		fault("invalid", "want an address as user@example.com")
	}
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func isDotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool {
			return !(isAlphanumeric(r) || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r))
		}) {
			return false
		}
	}
	return true
}

func isHostName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, func(r rune) bool { return !isAlphanumeric(r) && r != '-' }) {
			return false
		}
	}
	return true
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// survivesParsing holds the address against an independent parser: what net/mail
// reads and prints must be what was given.
func survivesParsing(address string) bool {
	parsed, err := mail.ParseAddress(address)
	return err == nil && parsed.Name == "" && parsed.Address == address && parsed.String() == "<"+address+">"
}

func checkLine(faults *engage.Faults, path, s string, limit int) {
	switch {
	case len(s) > limit:
		faults.Add(path, "too_long", "%d bytes, at most %d", len(s), limit)
	case !utf8.ValidString(s):
		faults.Add(path, "invalid", "not UTF-8")
	case strings.ContainsFunc(s, isControl):
		faults.Add(path, "control_character", "line breaks and other control characters are refused")
	}
}

func checkBody(faults *engage.Faults, path, s string) {
	switch {
	case len(s) > MaxBodyBytes:
		faults.Add(path, "too_long", "%d bytes, at most %d", len(s), MaxBodyBytes)
	case !utf8.ValidString(s):
		faults.Add(path, "invalid", "not UTF-8")
	case strings.ContainsRune(s, 0):
		faults.Add(path, "control_character", "NUL is refused")
	}
}

// isControl covers C0, DEL, C1 and the separators that some software takes for
// line ends, and the marks that reorder text on the screen.
func isControl(r rune) bool {
	return r < ' ' || r >= 0x7f && r <= 0x9f || r == '\u2028' || r == '\u2029' ||
		r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

func isNotPrintableASCII(r rune) bool { return r < ' ' || r > '~' }
