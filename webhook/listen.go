package webhook

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"
)

// The limits of a connection. A request that waits for its answer gets more time to be answered: see [Server.serve].
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 15 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
)

// NewHTTPServer makes a server for the handler, with every limit set. Anybody can cause the lines that the server
// itself logs, such as about broken TLS handshakes. So the log has only a few lines of each kind in a minute, and then
// the number of the others.
func NewHTTPServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		// "OPTIONS *" needs the token, as every other request does.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(complaints{Handler: logger.Handler(), flood: new(flood)}, slog.LevelWarn),
	}
}

// Certificate serves a TLS certificate from files. It reads them again when they change, so that whoever renews the
// certificate need not restart anything. Several connections may use it at the same time; loaded and changed are
// written and read under mu, or before [LoadCertificate] returns.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	changed [2]time.Time // the files' times of change at the last try to load them
	flood   flood        // any client can cause a further try to load the files
}

// LoadCertificate makes a [Certificate], and reads its files for the first time. The error says why they cannot be
// read.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// TLS returns a configuration that serves the certificate.
func (c *Certificate) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if changed, err := c.times(); err == nil && changed == c.changed {
			return c.loaded, nil
		}
		// If the load fails, half of a file may have been written. The old certificate serves until the new one is
		// whole.
		if err := c.load(); err != nil && c.flood.admits(c.log, floodTLS) {
			c.log.Error("the TLS certificate cannot be read again", "file", c.certFile, "reason", err.Error())
		}
		return c.loaded, nil
	}}
}

func (c *Certificate) load() error {
	changed, err := c.times()
	if err != nil {
		return err
	}
	c.changed = changed // set even if the load fails: the next try is due when the files change again
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.loaded = &pair
	return nil
}

func (c *Certificate) times() (out [2]time.Time, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return out, err
		}
		out[i] = info.ModTime()
	}
	return out, nil
}
