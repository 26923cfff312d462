// Answers every path with a greeting; /healthz says that the app is up.
const http = require("node:http");

const server = http.createServer((request, response) => {
  if (request.url === "/healthz") return response.end("ok");
  console.log(`${request.method} ${request.url}`);
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.end("Hello from a Dockerfile\n");
});

server.listen(process.env.PORT, () => console.log(`listening on ${process.env.PORT}`));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
