const polka = require("polka");

const app = polka()
  .get("/healthz", (request, response) => response.end("ok"))
  .get("/", (request, response) => response.end("Hello from a dependency\n"));
app.listen(process.env.PORT, () => console.log(`listening on ${process.env.PORT}`));
process.on("SIGTERM", () => app.server.close(() => process.exit(0)));
