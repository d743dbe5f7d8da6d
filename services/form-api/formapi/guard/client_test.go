package guard

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func proxies() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ffff::/48")}
}

const balancer = "10.0.0.1:443"

func TestClient(t *testing.T) {
	for _, row := range []struct {
		name, peer      string
		xff, forwarded  []string
		want            string // "": not known
		nobodyIsTrusted bool
	}{
		{name: "no proxy", peer: "203.0.113.7:5000", want: "203.0.113.7"},
		{name: "no proxy, IPv6", peer: "[2001:db8::7]:5000", want: "2001:db8::7"},
		{name: "no proxy, IPv4 in IPv6", peer: "[::ffff:203.0.113.7]:5000", want: "203.0.113.7"},
		{name: "no proxy, a zone", peer: "[fe80::1%eth0]:5000", want: "fe80::1"},
		{name: "a peer that is not trusted writes a header", peer: "203.0.113.7:5000", xff: []string{"198.51.100.1"}, want: "203.0.113.7"},
		{name: "nobody is trusted", peer: balancer, xff: []string{"198.51.100.1"}, nobodyIsTrusted: true, want: "10.0.0.1"},
		{name: "one proxy", peer: balancer, xff: []string{"203.0.113.7"}, want: "203.0.113.7"},
		{name: "a proxy of IPv6", peer: "[2001:db8:ffff::1]:443", xff: []string{"203.0.113.7"}, want: "203.0.113.7"},
		{name: "a proxy of IPv4 in IPv6", peer: "[::ffff:10.0.0.1]:443", xff: []string{"203.0.113.7"}, want: "203.0.113.7"},
		{name: "two proxies", peer: balancer, xff: []string{"203.0.113.7, 10.0.0.2"}, want: "203.0.113.7"},
		{name: "a client that makes up one before", peer: balancer, xff: []string{"198.51.100.1, 203.0.113.7"}, want: "203.0.113.7"},
		{name: "a client that makes up a proxy before", peer: balancer, xff: []string{"198.51.100.1, 10.9.9.9, 203.0.113.7, 10.0.0.2"}, want: "203.0.113.7"},
		{name: "a client that makes up a line of its own", peer: balancer, xff: []string{"198.51.100.1", "203.0.113.7"}, want: "203.0.113.7"},
		{name: "with a port", peer: balancer, xff: []string{"203.0.113.7:61000"}, want: "203.0.113.7"},
		{name: "IPv6", peer: balancer, xff: []string{"2001:db8::7"}, want: "2001:db8::7"},
		{name: "IPv6 in brackets", peer: balancer, xff: []string{"[2001:db8::7]"}, want: "2001:db8::7"},
		{name: "IPv6 with a port", peer: balancer, xff: []string{"[2001:db8::7]:61000"}, want: "2001:db8::7"},
		{name: "blanks and empty elements", peer: balancer, xff: []string{" , 203.0.113.7 ,, "}, want: "203.0.113.7"},
		{name: "all are trusted: the leftmost", peer: balancer, xff: []string{"10.0.0.9, 10.0.0.2"}, want: "10.0.0.9"},
		{name: "the proxy says nothing: never its own address", peer: balancer, want: ""},
		{name: "the proxy says unknown", peer: balancer, xff: []string{"198.51.100.1, unknown"}, want: ""},
		{name: "the proxy writes garbage", peer: balancer, xff: []string{"198.51.100.1, 999.1.1.1"}, want: ""},
		{name: "a bracket is not closed", peer: balancer, xff: []string{"[2001:db8::7"}, want: ""},
		{name: "something behind the bracket", peer: balancer, xff: []string{"[2001:db8::7]61000"}, want: ""},
		{name: "a chain without end", peer: balancer, xff: []string{"203.0.113.7" + strings.Repeat(",10.0.0.2", maxHops)}, want: ""},
		{name: "a chain just short enough", peer: balancer, xff: []string{"203.0.113.7" + strings.Repeat(",10.0.0.2", maxHops-1)}, want: "203.0.113.7"},
		{name: "no address at all", peer: "@", want: ""},
		{name: "Forwarded", peer: balancer, forwarded: []string{`for=203.0.113.7;proto=https;by=10.0.0.1`}, want: "203.0.113.7"},
		{name: "Forwarded, quoted, with a port, another order", peer: balancer, forwarded: []string{`proto=https; For="[2001:db8::7]:4711"`}, want: "2001:db8::7"},
		{name: "Forwarded through two", peer: balancer, forwarded: []string{`for=198.51.100.1, for=203.0.113.7`, `for=10.0.0.2`}, want: "203.0.113.7"},
		{name: "Forwarded with an obfuscated port", peer: balancer, forwarded: []string{`for="203.0.113.7:_x"`}, want: "203.0.113.7"},
		{name: "Forwarded with a hidden client", peer: balancer, forwarded: []string{`for=198.51.100.1, for=_hidden`}, want: ""},
		{name: "Forwarded without for", peer: balancer, forwarded: []string{`for=198.51.100.1, by=10.0.0.1`}, want: ""},
		{name: "a quote left open does not swallow the proxy's word", peer: balancer, forwarded: []string{`for="198.51.100.1, for=203.0.113.7`}, want: "203.0.113.7"},
		{name: "X-Forwarded-For wins", peer: balancer, xff: []string{"203.0.113.7"}, forwarded: []string{"for=198.51.100.1"}, want: "203.0.113.7"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: row.peer, Header: http.Header{}}
			if row.xff != nil {
				r.Header["X-Forwarded-For"] = row.xff
			}
			if row.forwarded != nil {
				r.Header["Forwarded"] = row.forwarded
			}
			trusted := proxies()
			if row.nobodyIsTrusted {
				trusted = nil
			}
			got := Client(r, trusted)
			if row.want == "" {
				require.False(t, got.IsValid(), got)
				return
			}
			require.Equal(t, row.want, got.String())
		})
	}
}

func TestClientOf_IPv6IsLimitedByItsNetwork(t *testing.T) {
	of := func(addr string) string { return clientOf(netip.MustParseAddr(addr)).String() }
	require.Equal(t, "2001:db8:1:2::", of("2001:db8:1:2:3:4:5:6"))
	require.Equal(t, of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"))
	require.NotEqual(t, of("2001:db8:1:2::1"), of("2001:db8:1:3::1"))
	require.Equal(t, visitor, of(visitor))
}

// FuzzClient holds that whatever a client writes, what its proxy appends is what counts.
func FuzzClient(f *testing.F) {
	for _, seed := range []string{"", "198.51.100.1", "10.0.0.9,", `for="[::1]`, `"`, "[::1", "1.2.3.4:5, unknown", `for=1.2.3.4;by="a,b"`, "fe80::1%\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, said string) {
		for header, appended := range map[string]string{"X-Forwarded-For": visitor, "Forwarded": "for=" + visitor} {
			r := &http.Request{RemoteAddr: balancer, Header: http.Header{header: {said + ", " + appended}}}
			require.Equal(t, visitor, Client(r, proxies()).String())
			r.Header[header] = []string{said, appended}
			require.Equal(t, visitor, Client(r, proxies()).String())

			r.Header[header] = []string{said}
			if got := Client(r, proxies()); got.IsValid() {
				require.Empty(t, got.Zone())
				require.False(t, got.Is4In6())
			}
			r.RemoteAddr = visitor + ":1"
			require.Equal(t, visitor, Client(r, proxies()).String(), "a peer that is not trusted is the client")
			r.RemoteAddr = said
			Client(r, proxies())
		}
	})
}
