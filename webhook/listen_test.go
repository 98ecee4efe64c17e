package webhook

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEveryLimitOfTheServerIsSet(t *testing.T) {
	s := NewHTTPServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	for name, limit := range map[string]time.Duration{
		"ReadHeaderTimeout": s.ReadHeaderTimeout, "ReadTimeout": s.ReadTimeout, "WriteTimeout": s.WriteTimeout, "IdleTimeout": s.IdleTimeout,
	} {
		if limit <= 0 || limit > 5*time.Minute {
			t.Errorf("%s is %s", name, limit)
		}
	}
	if s.MaxHeaderBytes <= 0 || s.MaxHeaderBytes > http.DefaultMaxHeaderBytes || s.ErrorLog == nil || !s.DisableGeneralOptionsHandler {
		t.Errorf("%+v", s)
	}
	// A sender that is answered within the patience of an endpoint must have been able to send the whole body before.
	if answerTimeout >= 15*time.Second || s.ReadHeaderTimeout > s.ReadTimeout {
		t.Error("an answer comes too late for SNS")
	}
}

// listening serves a handler on a port of this machine until the test ends.
func listening(t *testing.T, s *http.Server) net.Addr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		if s.TLSConfig != nil {
			ended <- s.ServeTLS(listener, "", "")
			return
		}
		ended <- s.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return listener.Addr()
}

// A client that sends its request, or its body, a byte at a time is cut off.
func TestSlowClientsAreCutOff(t *testing.T) {
	for name, text := range map[string]string{
		"in the header": "POST /scale/worker HTTP/1.1\r\nHost: x\r\nX-",
		"in the body":   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := NewHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err == nil {
					t.Error("the body was read to its end")
				}
			}), slog.New(slog.DiscardHandler))
			s.ReadHeaderTimeout, s.ReadTimeout = 50*time.Millisecond, 100*time.Millisecond // in place of seconds
			conn, err := net.Dial("tcp", listening(t, s).String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := conn.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is still open")
			}
		})
	}
}

// "OPTIONS *" is answered by net/http itself, whoever asks, unless it is told not to.
func TestOptionsOfTheServerNeedTheToken(t *testing.T) {
	r := newRig(t)
	conn, err := net.Dial("tcp", listening(t, NewHTTPServer(r.handler, r.Log)).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusUnauthorized {
		t.Error(answer.Status)
	}
}

// An answer may take longer than the connection's own limit if the endpoint has the patience for it.
func TestAnAnswerMayTakeItsTime(t *testing.T) {
	r := newRig(t)
	r.stack.set(func() { r.stack.readTime, r.stack.updateTime = 0, 300*time.Millisecond })
	if err := r.Queue.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := NewHTTPServer(r.handler, r.Log)
	s.WriteTimeout = 100 * time.Millisecond
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+listening(t, s).String()+pathScale+"?count=5&dryRun=true", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+tokenA)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("%s: %s %v", answer.Status, body, err)
	}
}

// certificateFiles writes a new certificate in a name, and its key.
func certificateFiles(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// age sets the time of a file's change back, as far as is needed to tell it from the next one.
func age(t *testing.T, file string, by time.Duration) {
	t.Helper()
	at := time.Now().Add(-by)
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestTheCertificateIsReadAgainWhenItChanges(t *testing.T) {
	dir, logged := t.TempDir(), &safeBuffer{}
	certFile, keyFile := certificateFiles(t, dir, "old.example")
	age(t, certFile, time.Hour)
	age(t, keyFile, time.Hour)
	certificate, err := LoadCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	s := NewHTTPServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	s.TLSConfig = certificate.TLS()
	address := listening(t, s).String()
	served := func() string {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		return conn.ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	want := func(name string) {
		t.Helper()
		if got := served(); got != name {
			t.Errorf("the certificate of %s is served; want that of %s", got, name)
		}
	}
	want("old.example")
	// This is how somebody who is writing the file leaves it.
	if err := os.WriteFile(certFile, []byte("-----BEGIN CERT"), 0o600); err != nil {
		t.Fatal(err)
	}
	age(t, certFile, 30*time.Minute)
	want("old.example")
	want("old.example")
	if n := strings.Count(logged.String(), "cannot be read again"); n != 1 {
		t.Errorf("logged %d times and not once:\n%s", n, logged)
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	want("old.example")
	certificateFiles(t, dir, "new.example")
	want("new.example")
	if _, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

func TestACertificateThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := certificateFiles(t, dir, "a.example")
	other, _ := certificateFiles(t, t.TempDir(), "b.example")
	for name, files := range map[string][2]string{
		"no file": {filepath.Join(dir, "none"), keyFile}, "another key": {other, keyFile}, "no certificate": {keyFile, keyFile},
	} {
		if _, err := LoadCertificate(files[0], files[1], slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := LoadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
}
