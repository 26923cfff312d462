console.log("compiling…");
console.error("build.js:3 cannot find module 'missing-module'");
process.exit(3);
