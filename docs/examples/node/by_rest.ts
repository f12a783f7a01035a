import createClient from "openapi-fetch";
import type { paths } from "./interface.js"; // npm run types

const client = createClient<paths>({
  baseUrl: process.env.API!,
  headers: { Authorization: `Bearer ${process.env.KEY}`, "X-Tenant-ID": "default" },
});

const { data, error } = await client.POST("/v1/enrich/cell", {
  body: { table_id: "companies", row_id: "1", column_key: "country", wait_s: 30 },
});
if (error) throw new Error(JSON.stringify(error));
console.log(JSON.stringify(data));
