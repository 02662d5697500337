package resource

import "strconv"

// warn notes what the declaration has to say about a row that is about to be stored.
func (p *prepared[M]) warn(c *Call, m *M) (err error) {
	if p.Warn == nil {
		return nil
	}
	if c.warning, err = p.Warn(c, m); err == nil && c.warning != "" {
		c.Env.Log.Warn(c.warning, "cid", c.CID, "resource", p.Path, "object", p.Base(m).ID)
	}
	return err
}

// warnings are the headers that tell a client of a warning (RFC 7234 §5.5: 299 is a persistent one).
func (c *Call) warnings() map[string]string {
	if c.warning == "" {
		return nil
	}
	return map[string]string{"Warning": "299 packhouse " + strconv.QuoteToASCII(c.warning)}
}
