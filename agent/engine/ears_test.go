package engine

import "testing"

func TestWhatNobodyListensToIsNotWaitedFor(t *testing.T) {
	var e ears
	e.missed("hello")
	if e.unheard("hello") {
		t.Error("an Engine that never acknowledged anything may hear everything")
	}
	e.heard("quick_job_result")
	if !e.unheard("hello") || e.unheard("quick_job_result") || e.unheard("other") {
		t.Error("only what was missed is unheard")
	}
	e.heard("hello")
	if e.unheard("hello") {
		t.Error("an acknowledgement counts more than a ping that overtook it")
	}
	e.missed("quick_job_result")
	if e.missed("hello"); e.unheard("quick_job_result") || e.unheard("hello") {
		t.Error("what was acknowledged once is only slow")
	}
	e.deaf()
	e.missed("hello")
	e.deaf()
	if e.heard("x"); e.unheard("hello") {
		t.Error("another session begins anew")
	}
}
