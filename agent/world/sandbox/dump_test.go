package sandbox
import ("testing";"os";"fmt")
func TestRunFile(t *testing.T){ 
  src, _ := os.ReadFile(os.Getenv("RUNFILE"))
  r, err := newBox(DefaultLimits()).run(t.Context(), string(src), "p.lua")
  if err != nil { fmt.Println("ERR", err); return }
  for _, v := range r {fmt.Println(v)}
}
