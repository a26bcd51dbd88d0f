package screenshot

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"image"
	"image/jpeg"
	"image/png"
	"math"

	"golang.org/x/image/draw"
)

// studio makes pictures, one after the other in the same memory.
type studio struct {
	seed    maphash.Seed
	seeded  bool
	raw     []byte
	small   []byte
	text    bytes.Buffer
	buffers pool
}

// pool keeps what the PNG encoder needs.
type pool struct{ kept *png.EncoderBuffer }

func (p *pool) Get() *png.EncoderBuffer  { return p.kept }
func (p *pool) Put(b *png.EncoderBuffer) { p.kept = b }

// canvas is black, for what lies outside of all monitors.
func (s *studio) canvas(r image.Rectangle) *image.RGBA {
	pixels := over(&s.raw, r.Dx(), r.Dy())
	for i := range pixels.Pix {
		pixels.Pix[i] = 0
		if i%4 == 3 {
			pixels.Pix[i] = 0xff
		}
	}
	return pixels
}

// over lays an image over memory, which it lets grow.
func over(memory *[]byte, w, h int) *image.RGBA {
	if n := 4 * w * h; cap(*memory) < n {
		*memory = make([]byte, n)
	}
	return &image.RGBA{Pix: (*memory)[:4*w*h], Stride: 4 * w, Rect: image.Rect(0, 0, w, h)}
}

// hash tells pictures of regions apart, within the life of the module.
func (s *studio) hash(r image.Rectangle, pixels *image.RGBA) string {
	if !s.seeded {
		s.seed, s.seeded = maphash.MakeSeed(), true
	}
	var h maphash.Hash
	h.SetSeed(s.seed)
	fmt.Fprint(&h, r)
	_, _ = h.Write(pixels.Pix)
	return fmt.Sprintf("%016x", h.Sum64())
}

// black says whether nothing at all is to be seen.
func black(pixels *image.RGBA) bool {
	for i := 0; i < len(pixels.Pix); i += 4 {
		if pixels.Pix[i]|pixels.Pix[i+1]|pixels.Pix[i+2] != 0 {
			return false
		}
	}
	return true
}

func (s *studio) scaled(pixels *image.RGBA, scale float64) *image.RGBA {
	if scale == 1 {
		return pixels
	}
	w := max(1, int(math.Round(float64(pixels.Rect.Dx())*scale)))
	h := max(1, int(math.Round(float64(pixels.Rect.Dy())*scale)))
	small := over(&s.small, w, h)
	draw.ApproxBiLinear.Scale(small, small.Rect, pixels, pixels.Rect, draw.Src, nil)
	return small
}

// encode gives text that is good until the next picture.
func (s *studio) encode(pixels *image.RGBA, format string, quality int) ([]byte, error) {
	s.text.Reset()
	var err error
	if format == "jpeg" {
		err = jpeg.Encode(&s.text, pixels, &jpeg.Options{Quality: quality})
	} else {
		err = (&png.Encoder{CompressionLevel: png.BestSpeed, BufferPool: &s.buffers}).Encode(&s.text, pixels)
	}
	return s.text.Bytes(), err
}
