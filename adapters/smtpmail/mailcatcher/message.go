package mailcatcher

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
)

// Message is a message as it arrived, taken apart. One that went to two
// recipients is two Messages.
type Message struct {
	EnvelopeFrom string // of MAIL: where bounces would go
	EnvelopeTo   string // of RCPT

	Header    mail.Header // as sent; Subject and names may be encoded words
	From      string      // the address, without the name
	To        string      // the first address, without the name
	ReplyTo   string      // the address, or ""
	Subject   string      // decoded
	MessageID string      // without angle brackets
	Text      string      // the text/plain body, decoded
	HTML      string      // the text/html body, decoded

	Attachments []Attachment

	Raw []byte // as it came over the wire, with the dots unstuffed
	Err error  // what is wrong with its form; the other fields hold what could be read
}

// Attachment is a file that came with a message.
type Attachment struct {
	Filename    string
	ContentType string
	Content     []byte
}

// maxParts bounds the MIME parts that are looked at, maxNesting how deep.
const (
	maxParts   = 100
	maxNesting = 5
)

// parse takes a message apart as far as it goes.
func parse(raw []byte) Message {
	m := Message{Raw: raw}
	read, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		m.Err = err
		return m
	}
	m.Header = read.Header
	m.From, m.To, m.ReplyTo = m.address("From"), m.address("To"), m.address("Reply-To")
	m.Subject = read.Header.Get("Subject")
	if decoded, err := new(mime.WordDecoder).DecodeHeader(m.Subject); err == nil {
		m.Subject = decoded
	}
	m.MessageID = strings.Trim(read.Header.Get("Message-ID"), " <>")
	parts := maxParts
	m.Err = m.walk(textproto.MIMEHeader(read.Header), read.Body, maxNesting, &parts)
	return m
}

func (m *Message) address(field string) string {
	list, err := m.Header.AddressList(field)
	if err != nil || len(list) == 0 {
		return ""
	}
	return list[0].Address
}

func (m *Message) walk(header textproto.MIMEHeader, body io.Reader, nesting int, parts *int) error {
	mediaType, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		mediaType = "text/plain"
	}
	if *parts--; *parts < 0 || nesting == 0 {
		return nil
	}
	if strings.HasPrefix(mediaType, "multipart/") {
		reader := multipart.NewReader(body, params["boundary"])
		for {
			part, err := reader.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.walk(part.Header, part, nesting-1, parts); err != nil {
				return err
			}
		}
	}
	content, err := decode(header.Get("Content-Transfer-Encoding"), body)
	disposition, dispositionParams, _ := mime.ParseMediaType(header.Get("Content-Disposition"))
	switch {
	case disposition == "attachment" || mediaType != "text/plain" && mediaType != "text/html":
		m.Attachments = append(m.Attachments, Attachment{
			Filename: dispositionParams["filename"], ContentType: mediaType, Content: content,
		})
	case mediaType == "text/html" && m.HTML == "":
		m.HTML = string(content)
	case mediaType == "text/plain" && m.Text == "":
		m.Text = string(content)
	}
	return err
}

func decode(encoding string, body io.Reader) ([]byte, error) {
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	return io.ReadAll(body)
}
