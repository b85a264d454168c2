package simulate
import ("testing";"os";"strconv";"context";"time";"fmt";"hebian/schemas")
func TestDev(t *testing.T){
 dir:=os.Getenv("DEV_DIR"); if dir=="" {t.Skip()}
 n,_:=strconv.Atoi(os.Getenv("DEV_N")); s,_:=strconv.Atoi(os.Getenv("DEV_S")); m,_:=strconv.Atoi(os.Getenv("DEV_M"))
 a:=202609; if v:=os.Getenv("DEV_A"); v!="" {a,_=strconv.Atoi(v)}
 t0:=time.Now()
 sum,err:=Write(context.Background(),dir,Options{Persons:n,Seed:uint64(s),Months:m,AsOf:schemas.Month(a)},nil)
 if err!=nil {t.Fatal(err)}
 el:=time.Since(t0)
 fmt.Printf("%v rows %d pay %d bytes %d wrong %d expl %d units %d rows/s %.0f asof %v\n",el,sum.Rows,sum.PayLines,sum.Bytes,sum.Wrong,sum.Explained,sum.Units,float64(sum.Rows)/el.Seconds(),sum.AsOf)
 if os.Getenv("DEV_V")!="" { for _,c:=range sum.Flags{fmt.Println(c)}; for _,c:=range sum.Files{fmt.Println(c)} }
}
