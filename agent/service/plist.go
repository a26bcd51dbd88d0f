package service

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// plist is the text of a launchd property list.
func (s Service) plist() (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(xml.Header)
	b.WriteString(`<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n<plist version=\"1.0\">\n<dict>\n")
	fmt.Fprintf(&b, "\t<key>Label</key>\n\t<string>%s</string>\n\t<key>ProgramArguments</key>\n\t<array>\n", inXML(s.Name))
	for _, word := range append([]string{s.Program}, s.Args...) {
		fmt.Fprintf(&b, "\t\t<string>%s</string>\n", inXML(word))
	}
	fmt.Fprintf(&b, "\t</array>\n\t<key>WorkingDirectory</key>\n\t<string>%s</string>\n", inXML(s.Dir))
	b.WriteString("\t<key>RunAtLoad</key>\n\t<true/>\n\t<key>KeepAlive</key>\n\t<true/>\n")
	fmt.Fprintf(&b, "\t<key>ThrottleInterval</key>\n\t<integer>%d</integer>\n", 10) // launchd's least
	fmt.Fprintf(&b, "\t<key>ExitTimeOut</key>\n\t<integer>%d</integer>\n", int(stopWithin.Seconds()))
	b.WriteString("\t<key>ProcessType</key>\n\t<string>Interactive</string>\n") // scripts are not to be slowed down
	b.WriteString("\t<key>StandardOutPath</key>\n\t<string>/dev/null</string>\n\t<key>StandardErrorPath</key>\n\t<string>/dev/null</string>\n")
	b.WriteString("\t<key>SoftResourceLimits</key>\n\t<dict>\n\t\t<key>Core</key>\n\t\t<integer>0</integer>\n\t</dict>\n</dict>\n</plist>\n")
	return b.String(), nil
}

func inXML(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
