const hoard = [];
console.log("taking memory");
setInterval(() => hoard.push(Buffer.alloc(8 * 1024 * 1024, 1)), 20);
