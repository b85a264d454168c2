package schemas
import ("testing";"unicode/utf8")
var sink bool
func BenchmarkVT(b *testing.B){
 for _,s:=range []string{"139752197702118999","徐堃军","松原区住房保障办公室（14）","买买提·吐尔逊"} {
  bb:=[]byte(s)
  b.Run(s+"/own",func(b *testing.B){for b.Loop(){sink=validText(bb)}})
  b.Run(s+"/std",func(b *testing.B){for b.Loop(){sink=utf8.Valid(bb)}})
 }}
