// Node's own server with what it is by default; it writes down what it has served.
const fs = require("fs");
const served = fs.openSync(process.env.SERVED, "a");
require("http").createServer((request, response) => {
  request.resume().on("end", () => {
    fs.writeSync(served, `${request.headers["x-id"]} 200\n`);
    response.end("ok");
  });
}).listen(process.env.PORT, "127.0.0.1");
