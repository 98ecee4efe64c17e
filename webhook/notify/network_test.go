package notify

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/notice"
)

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"1.1.1.1": true, "140.82.112.3": true, "2606:4700::1111": true, "64:ff9b::8.8.8.8": true,
		"127.0.0.1": false, "127.9.9.9": false, "::1": false, "0.0.0.0": false, "::": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "fe80::1": false, "fd00:ec2::254": false, "100.64.0.1": false, "224.0.0.1": false, "ff02::1": false, "255.255.255.255": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::10.0.0.1": false, "2002:7f00:1::": false, "2002:a00:1::": false, "::127.0.0.1": false, "fec0::1": false, "192.0.0.192": false,
	} {
		if got := isPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: got %v", address, got)
		}
	}
}

// once tells one listener of a test, and returns what came of it.
func once(t *testing.T, s Setting, url string) Sent {
	t.Helper()
	secrets := func(context.Context, ...string) (map[string]string, error) {
		return map[string]string{"x:hook": url, "x:secret": secret}, nil
	}
	got := SendOnce(t.Context(), []Setting{s}, secrets, []notice.Notice{notice.NewTest(notice.Origin{Project: "shop", Stack: "dev"}, time.Now())}, time.Now)
	if got[0].Err != nil && (strings.Contains(got[0].Err.Error(), "secret-path") || strings.Contains(got[0].Err.Error(), secret)) {
		t.Errorf("the error tells a secret: %v", got[0].Err)
	}
	return got[0]
}

var private = hook("hook", func(s *Setting) { s.PrivateNetwork = true })

func TestAPrivateAddressMustBeAllowed(t *testing.T) {
	asked := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	// The name is one that means this machine, as one does that was changed after somebody looked at it.
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		got := once(t, hook("hook", nil), "https://"+host+":"+port+"/secret-path")
		if got.Err == nil || !strings.Contains(got.Err.Error(), "private network") {
			t.Errorf("%s: got %+v", host, got)
		}
	}
	if look := LookAt(t.Context(), []Setting{hook("hook", nil)}, func(context.Context, ...string) (map[string]string, error) {
		return map[string]string{"x:hook": "https://localhost:" + port, "x:secret": secret}, nil
	}, time.Now)[0]; look.Err == nil || !strings.Contains(look.Err.Error(), "private network") {
		t.Errorf("doctor: got %+v", look)
	}
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer plain.Close()
	if got := once(t, private, plain.URL+"/secret-path"); got.Err != nil || asked != 1 || got.Told != 1 {
		t.Errorf("got %+v, asked %d times", got, asked)
	}
	// A certificate that nobody vouches for is none.
	if got := once(t, private, server.URL+"/secret-path"); got.Err == nil || !strings.Contains(got.Err.Error(), "certificate") {
		t.Errorf("got %+v", got)
	}
}

func TestRedirectsLeadNowhere(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler(other.URL, status))
		if got := once(t, private, server.URL); got.Err == nil || !strings.Contains(got.Err.Error(), "redirects are not followed") {
			t.Errorf("%d: got %+v", status, got)
		}
		server.Close()
	}
}

// A listener that takes the connection and then says nothing, not even in TLS, is given up.
func TestAListenerThatHangsInTLS(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	secrets := func(context.Context, ...string) (map[string]string, error) {
		return map[string]string{"x:hook": "https://" + listener.Addr().String() + "/secret-path", "x:secret": secret}, nil
	}
	began := time.Now()
	for _, got := range [][]Sent{
		SendOnce(ctx, []Setting{private}, secrets, []notice.Notice{notice.NewTest(notice.Origin{}, time.Now())}, time.Now), LookAt(ctx, []Setting{private}, secrets, time.Now),
	} {
		if got[0].Err == nil || strings.Contains(got[0].Err.Error(), "secret-path") {
			t.Errorf("got %+v", got)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if limit := newClient(private).Timeout; limit != tryTimeout || limit > 10*time.Second {
		t.Errorf("a try may take %s", limit)
	}
}

func TestADownListenerIsSaidWithoutItsAddress(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	if got := once(t, private, "http://"+address+"/secret-path?token=secret-path"); got.Err == nil || got.Host != address {
		t.Errorf("got %+v", got)
	}
}
