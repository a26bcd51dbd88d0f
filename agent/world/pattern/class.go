package pattern

// set is a set of bytes, one bit each.
type set [4]uint64

func (s *set) add(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *set) has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }

func (s *set) invert() {
	for i := range s {
		s[i] = ^s[i]
	}
}

func (s *set) addRange(from, to byte) {
	for c := int(from); c <= int(to); c++ {
		s.add(byte(c))
	}
}

func (s *set) addClass(class byte) {
	for c := range 256 {
		if inClass(byte(c), class) {
			s.add(byte(c))
		}
	}
}

// inClass says whether c is in the class that %class names. Classes are those of the C locale, so a byte past 127
// is in none of them; an upper-case name is the complement; a byte that names no class stands for itself.
func inClass(c, class byte) bool {
	var in bool
	switch lower(class) {
	case 'a':
		in = isLetter(c)
	case 'c':
		in = c < ' ' || c == 127
	case 'd':
		in = isDigit(c)
	case 'l':
		in = 'a' <= c && c <= 'z'
	case 'p':
		in = ' ' < c && c < 127 && !isLetter(c) && !isDigit(c)
	case 's':
		in = c == ' ' || '\t' <= c && c <= '\r'
	case 'u':
		in = 'A' <= c && c <= 'Z'
	case 'w':
		in = isLetter(c) || isDigit(c)
	case 'x':
		in = isDigit(c) || 'a' <= lower(c) && lower(c) <= 'f'
	case 'z':
		in = c == 0
	default:
		return c == class
	}
	return in == (class == lower(class))
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= lower(c) && lower(c) <= 'z' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
