package guard

import (
	"net/http"
	"net/netip"
	"strings"
)

const (
	// maxHops bounds how many proxies are walked past; real chains have two or three.
	maxHops = 32

	// clientBits of an IPv6 address are one client: the rest is the subscriber's own to choose.
	clientBits = 64
)

// Client returns the address of whoever sent r: the connection's peer, or, if that is in trusted, the rightmost address
// of X-Forwarded-For that is not. Each proxy appends the address that it saw, so what stands further left is hearsay
// that anyone may have written. Without X-Forwarded-For, Forwarded (RFC 7239) is read the same way; a proxy that writes only
// Forwarded must therefore remove X-Forwarded-For. Where every address is trusted, the client is the leftmost.
//
// IPv4 in IPv6 is returned as IPv4, and zones are dropped. The zero Addr means that the client is not known: the peer is
// trusted but names nobody, or names what is no address.
//
// chi's ClientIPFromXFF follows the same rule, but knows neither ports, which some balancers add, nor Forwarded.
func Client(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer := parseHop(r.RemoteAddr)
	if !isTrusted(peer, trusted) {
		return peer
	}
	if lines := r.Header["X-Forwarded-For"]; len(lines) > 0 {
		return walk(lines, trusted, parseHop)
	}
	return walk(r.Header["Forwarded"], trusted, parseForwarded)
}

// walk goes through the hops from the right. Commas separate them even between quotes: no address holds one, and a quote
// that a client left open on the left cannot then swallow what a proxy appended on the right.
func walk(lines []string, trusted []netip.Prefix, parse func(string) netip.Addr) netip.Addr {
	var last netip.Addr
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var hop string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, hop = rest[:comma], rest[comma+1:]
			} else {
				hop, more = rest, false
			}
			if hop = strings.TrimSpace(hop); hop == "" {
				continue
			}
			last = parse(hop)
			if hops++; hops > maxHops {
				return netip.Addr{}
			}
			if !isTrusted(last, trusted) {
				return last
			}
		}
	}
	return last
}

// isTrusted is false for the zero Addr.
func isTrusted(addr netip.Addr, trusted []netip.Prefix) bool {
	for _, prefix := range trusted {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// parseForwarded reads the for= of one element of Forwarded.
func parseForwarded(element string) netip.Addr {
	for pair := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(pair, "=")
		if strings.EqualFold(strings.TrimSpace(name), "for") {
			return parseHop(strings.Trim(strings.TrimSpace(value), `"`))
		}
	}
	return netip.Addr{}
}

// parseHop reads an address with or without a port: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1], [2001:db8::1]:80.
func parseHop(text string) netip.Addr {
	if inner, bracketed := strings.CutPrefix(text, "["); bracketed {
		host, port, closed := strings.Cut(inner, "]")
		if !closed || port != "" && port[0] != ':' {
			return netip.Addr{}
		}
		text = host
	} else if strings.Count(text, ":") == 1 {
		text, _, _ = strings.Cut(text, ":")
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return addr.WithZone("").Unmap()
}

// clientOf returns what of an address is limited as one.
func clientOf(addr netip.Addr) netip.Addr {
	if addr.Is4() {
		return addr
	}
	return netip.PrefixFrom(addr, clientBits).Masked().Addr()
}
