package system

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

// parseHistory reads macOS's InstallHistory.plist, an XML list of dictionaries, oldest first: of what was installed
// several times, the last counts.
func parseHistory(text []byte) ([]installed, error) {
	var list struct {
		Entries []struct {
			Nodes []struct {
				XMLName xml.Name
				Text    string `xml:",chardata"`
			} `xml:",any"`
		} `xml:"array>dict"`
	}
	if err := xml.NewDecoder(bytes.NewReader(text)).Decode(&list); err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	at, all := map[string]int{}, []installed{}
	for _, e := range list.Entries {
		p, key := installed{Source: "receipt"}, ""
		for _, n := range e.Nodes {
			switch {
			case n.XMLName.Local == "key":
				key = n.Text
			case key == "displayName":
				p.Name = n.Text
			case key == "displayVersion":
				p.Version = n.Text
			}
		}
		if p.Name == "" {
			continue
		}
		if i, there := at[p.Name]; there {
			all[i] = p
			continue
		}
		at[p.Name] = len(all)
		all = append(all, p)
	}
	return all, nil
}
