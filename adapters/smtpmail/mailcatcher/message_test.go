package mailcatcher

import "testing"

func FuzzParse(f *testing.F) {
	f.Add([]byte("Subject: =?utf-8?q?a?=\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nb\r\n--x--\r\n"))
	f.Add([]byte("From: A <a@b.c>, d@e.f\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n"))
	f.Add([]byte("Content-Type: multipart/a; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/b; boundary=y\r\n\r\n--y\r\n\r\n--y--\r\n--x--\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := parse(raw)
		if len(m.Attachments) > maxParts {
			t.Fatalf("%d attachments", len(m.Attachments))
		}
		if m.Err == nil && m.Header == nil {
			t.Fatal("neither a header nor a fault")
		}
	})
}
