package notify

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

const (
	// tryTimeout is how long one try may take, from connecting to the last byte of the answer. So a listener that
	// hangs, in TLS or later, delays only its own notices.
	tryTimeout = 10 * time.Second
	// dialTimeout is how long it may take to connect.
	dialTimeout = 5 * time.Second
)

// privateError says that an address is on a private network, which only the setting privateNetwork allows.
type privateError struct{ addr netip.Addr }

func (e *privateError) Error() string {
	return fmt.Sprintf("its address %s is on a private network, which `privateNetwork: true` would allow", e.addr)
}

// notPublic returns networks that are not public and for which [netip.Addr] has no method: see RFC 6890 and the IANA's
// registries of special-purpose addresses.
func notPublic() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),      // this network
		netip.MustParsePrefix("100.64.0.0/10"),  // shared among a carrier's customers
		netip.MustParsePrefix("192.0.0.0/24"),   // assigned to protocols
		netip.MustParsePrefix("198.18.0.0/15"),  // benchmarks
		netip.MustParsePrefix("240.0.0.0/4"),    // reserved, with broadcast
		netip.MustParsePrefix("64:ff9b:1::/48"), // translated, locally
		netip.MustParsePrefix("100::/64"),       // discarded
		netip.MustParsePrefix("fec0::/10"),      // local to a site, deprecated
	}
}

// carriesIPv4 returns networks whose addresses contain an IPv4 address, each with the byte at which the IPv4 address
// begins.
func carriesIPv4() map[netip.Prefix]int {
	return map[netip.Prefix]int{
		netip.MustParsePrefix("64:ff9b::/96"): 12, // NAT64
		netip.MustParsePrefix("2002::/16"):    2,  // 6to4
		netip.MustParsePrefix("::/96"):        12, // compatible with IPv4, deprecated
	}
}

// isPublic says whether an address belongs to the public internet, and not to a private network or this machine.
func isPublic(addr netip.Addr) bool {
	addr = addr.Unmap()
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() {
		return false
	}
	for _, network := range notPublic() {
		if network.Contains(addr) {
			return false
		}
	}
	if addr.Is6() {
		raw := addr.As16()
		for network, at := range carriesIPv4() {
			if network.Contains(addr) {
				return isPublic(netip.AddrFrom4([4]byte(raw[at : at+4])))
			}
		}
	}
	return true
}

// control refuses addresses that are not public. It sees the address that is really dialled, after the name was looked
// up. So the name cannot get a different address between the check and the connection.
func control(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !isPublic(at.Addr()) {
		return &privateError{addr: at.Addr().Unmap()}
	}
	return nil
}

// newDialer makes a dialer for addresses of the internet, and of private networks if the setting allows them.
func newDialer(s Setting) *net.Dialer {
	d := &net.Dialer{Timeout: dialTimeout}
	if !s.PrivateNetwork {
		d.ControlContext = control
	}
	return d
}

// newClient makes a client for a listener. It follows no redirect, because nobody has allowed the address that a
// redirect leads to.
func newClient(s Setting) *http.Client {
	return &http.Client{
		Timeout:       tryTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: newDialer(s).DialContext, ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: dialTimeout,
			MaxIdleConnsPerHost: 1, IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		},
	}
}
