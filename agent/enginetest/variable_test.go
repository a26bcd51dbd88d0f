package enginetest

import (
	"maps"
	"testing"
)

func TestEnvironment(t *testing.T) {
	got := environment(Job{
		Environment: map[string]string{"my-key": "a", "plain": "b"},
		Variables: []Variable{
			{Name: "greeting", Default: "gull", Value: "tern"},
			{Name: "count", Type: "number", Default: 3.0},
			{Name: "flag", Type: "boolean", Default: true},
			{Name: "off", Default: false},
			{Name: "none"},
			{Name: " "},
			{Name: "plain", Default: "overridden"},
		},
	})
	want := map[string]string{
		"MY_KEY": "a", "my_key": "a", "PLAIN": "b", "plain": "b", "GREETING": "tern", "greeting": "tern", "COUNT": "3", "count": "3",
		"FLAG": "True", "flag": "True", "OFF": "False", "off": "False", "NONE": "", "none": "",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestSubstitute(t *testing.T) {
	job := Job{
		Environment: map[string]string{"EXTRA": "it's", "COUNT": "8"},
		Variables: []Variable{
			{Name: "greeting", Type: "string", Default: "tern"},
			{Name: "count", Type: "number", Default: 7.0},
			{Name: "nothing", Type: "number"},
			{Name: "on", Type: "boolean", Default: "True"},
			{Name: "off", Type: "boolean"},
			{Name: "secret", Type: "credential", Default: "$x"},
		},
	}
	for in, want := range map[string]string{
		`Write-Output $env:GREETING`:        `Write-Output 'tern'`,
		`$Env:greeting;$env:{greeting}`:     `'tern';'tern'`,
		`$env:COUNT + $env:NOTHING`:         `8 + 0`,
		`if ($env:on -and -not $env:off) {`: `if ($true -and -not $false) {`,
		`$env:EXTRA $env:secret`:            `'it''s' '$x'`,
		`$env:PATH ${env:GREETING} $env:`:   `$env:PATH ${env:GREETING} $env:`,
		`$env:GREETINGS`:                    `$env:GREETINGS`,
	} {
		if got := substitute(in, job); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
}
