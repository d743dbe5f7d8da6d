package formapi

import (
	"flag"
	"net/netip"

	"github.com/formstream/formstream/pkg/chassis"
)

// Front is what an operator says of those who post, in form-api and in standalone.
type Front struct {
	// TrustedProxies are the addresses, as CIDR blocks, of the balancers and proxies in front of us, whose X-Forwarded-For is
	// believed. Default none: the client is the connection's peer. Without the right ones everybody behind a balancer is one
	// client to the limits.
	TrustedProxies []string
	// Limits holds clients and forms to the rates of the definitions. Default true; false is for load tests.
	Limits bool
}

// RegisterFlags adds the flags to fs and sets every default.
func (c *Front) RegisterFlags(fs *flag.FlagSet) {
	chassis.ListVar(fs, &c.TrustedProxies, "trusted-proxies", nil, "`CIDR` blocks of the proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8")
	fs.BoolVar(&c.Limits, "limits", true, "hold clients and forms to the rates of the definitions; false is for load tests")
}

// Validate tells what is wrong.
func (c *Front) Validate() error {
	_, err := c.trusted()
	return err
}

// trusted returns the blocks of -trusted-proxies. An address alone is a block of one.
func (c *Front) trusted() (blocks []netip.Prefix, err error) {
	for _, text := range c.TrustedProxies {
		block, bad := netip.ParsePrefix(text)
		if addr, alone := netip.ParseAddr(text); alone == nil {
			block, bad = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if bad != nil {
			return nil, chassis.Wrong("trusted-proxies", text, "must be CIDR blocks or addresses, such as 10.0.0.0/8,192.0.2.7")
		}
		blocks = append(blocks, block)
	}
	return blocks, nil
}
