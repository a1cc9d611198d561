package server

import (
	"path/filepath"

	"github.com/gwe-project/gwe/bundle/cache"
	"github.com/gwe-project/gwe/bundle/fetch"
	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// Arguments are embedded in those of a step type.
type Arguments struct {
	Mirrors  []value.URL       `name:"mirrors" secrets:"true" help:"further addresses of the same file, tried in this order"`
	User     string            `name:"user" help:"user of basic authentication"`
	Password value.Secret      `name:"password" with:"user" help:"password of the user"`
	Token    value.Secret      `name:"token" help:"bearer token"`
	Headers  map[string]string `name:"headers" secrets:"true" help:"further headers, by name"`
	CA       value.Path        `name:"ca" help:"certificates in PEM that replace the machine's own authorities"`
	Cert     value.Path        `name:"client-cert" help:"client certificate in PEM"`
	Key      value.Path        `name:"client-key" with:"client-cert" help:"its key in PEM"`
	Pins     []string          `name:"pins" help:"the server's public key must be one of these: sha256//BASE64, as curl has it"`

	MaxRate  *value.Size    `name:"max-rate" help:"how much is read a second at most"`
	Connect  value.Duration `name:"connect-timeout" default:"30s" help:"how long connecting, and the TLS handshake, may take"`
	LowSpeed value.Size     `name:"low-speed" default:"1KiB" help:"an answer with less than this a second counts as stalled"`
	LowTime  value.Duration `name:"low-speed-time" default:"1m" help:"over how long low-speed is measured, and how long the head of an answer may take"`
	Attempts int            `name:"attempts" default:"5" help:"how many rounds may fail one after the other without progress, 1 to 1000"`
	Partial  value.Path     `name:"partial-dir" help:"where partial downloads are kept; where it is left out, /var/cache/gwe/partial for root, and gwe/partial in the user's cache directory otherwise"`
}

// Access is how the servers are reached.
func (a Arguments) Access() fetch.Access {
	return fetch.Access{
		User: a.User, Password: a.Password.Reveal(), Token: a.Token.Reveal(), Headers: a.Headers,
		CA: string(a.CA), ClientCertificate: string(a.Cert), ClientKey: string(a.Key), Pins: a.Pins,
		Connect: a.Connect.Std(), LowSpeed: a.LowSpeed.Bytes(), LowSpeedTime: a.LowTime.Std(),
	}
}

// Order is what to download from an address and the mirrors, of any length up to most bytes. Its faults are
// those of fetch.Order.Check for MaxRate, and of the directory for partial downloads.
func (a Arguments) Order(address string, most int64) (fetch.Order, error) {
	order := fetch.Order{URLs: []string{address}, Size: -1, MaxSize: most, Attempts: a.Attempts}
	for _, one := range a.Mirrors {
		order.URLs = append(order.URLs, string(one))
	}
	if a.MaxRate != nil {
		if order.MaxRate = a.MaxRate.Bytes(); order.MaxRate == 0 {
			return order, fault.New(fault.Refused, "download-option-invalid", "max-rate is nothing").WithHint("write max-rate: 500KiB, for example, or leave it out")
		}
	}
	var err error
	if a.Partial == "" {
		order.Directory, err = cache.UsualPartial()
		return order, err
	}
	order.Directory, err = filepath.Abs(string(a.Partial))
	return order, durable.Explain(err, "cannot tell where %s is", a.Partial)
}
