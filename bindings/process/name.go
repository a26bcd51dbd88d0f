package process

// String is the program's name: what a role that ends has left running is named.
func (c *child) String() string { return c.p.name }

// String is the name of the program that runs the script.
func (s *script) String() string { return s.p.name }
