const http = require("node:http");

http
  .createServer((request, response) => {
    response.statusCode = request.url === "/healthz" ? 500 : 200;
    response.end("the database is not reachable\n");
  })
  .listen(process.env.PORT, () => console.log(`listening on ${process.env.PORT}`));
