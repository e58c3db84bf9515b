// Go's own server with what it is by default; it writes down what it has served.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	served, err := os.OpenFile(os.Getenv("SERVED"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/", func(answer http.ResponseWriter, request *http.Request) {
		io.Copy(io.Discard, request.Body)
		fmt.Fprintf(served, "%s 200\n", request.Header.Get("X-Id"))
		io.WriteString(answer, "ok")
	})
	panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
