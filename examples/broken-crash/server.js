console.error("FATAL: DATABASE_URL is not set");
process.exit(7);
