package screenshot

import (
	"fmt"
	"image"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings/display/displaytest"
)

// BenchmarkCapture measures a picture of a whole screen that changes, and in turn with it ImageMagick's import of the same
// screen; and one that has not changed.
func BenchmarkCapture(b *testing.B) {
	for _, size := range []image.Point{{1280, 800}, {3840, 2160}} {
		for _, o := range []opts{{"format": "png"}, {"format": "jpeg"}, {"format": "png", "unless": "?"}} {
			name := fmt.Sprintf("%dx%d/%s", size.X, size.Y, o["format"])
			if o["unless"] != nil {
				name = fmt.Sprintf("%dx%d/unchanged", size.X, size.Y)
			}
			b.Run(name, func(b *testing.B) { capturing(b, size, o) })
		}
	}
}

func capturing(b *testing.B, size image.Point, o opts) {
	s := displaytest.Start(b, fmt.Sprintf("%dx%d", size.X, size.Y))
	displaytest.Need(b, "import")
	if o["unless"] == nil {
		s.Show(b, "xterm", "-geometry", "100x50+10+10", "-e", "sh", "-c", "while :; do ls -l /usr/bin; done")
	}
	_, again := paint(b, image.Rect(size.X/2, 0, size.X, size.Y), 0xe06010)
	r := openRole(b)
	if o["unless"] != nil {
		got, _ := r.must(opts{"format": "png"})
		o["unless"] = got["hash"]
	}
	var ours, theirs time.Duration
	bytes, before := 0, processor()
	n := 0
	for b.Loop() {
		if o["unless"] == nil {
			again(uint32(0x404040 + n))
		}
		n++
		begun := time.Now()
		got, err := r.capture(o)
		if err != nil {
			b.Fatal(err)
		}
		ours += time.Since(begun)
		bytes += len(got["image"].(string))
		if o["format"] == "png" && o["unless"] == nil && n <= 10 {
			begun = time.Now()
			if err := exec.Command("import", "-window", "root", b.TempDir()+"/x.png").Run(); err != nil {
				b.Fatal(err)
			}
			theirs += time.Since(begun)
		}
	}
	mega := float64(size.X*size.Y) / 1e6
	b.ReportMetric(ours.Seconds()*1000/float64(n)/mega, "ms/megapixel")
	b.ReportMetric(float64(n)/ours.Seconds(), "frames/s")
	b.ReportMetric((processor()-before).Seconds()*1000/float64(n), "processor-ms/frame")
	b.ReportMetric(float64(bytes)/float64(n)/1024, "KiB/frame")
	if theirs > 0 {
		b.ReportMetric(theirs.Seconds()*1000/float64(min(n, 10))/mega, "import-ms/megapixel")
	}
}

// processor is the time that this process has computed.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
