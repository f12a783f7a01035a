import { BrokerDownError, NoAnswerError, Producer, TaskError, type Cell } from "./producer.js";

const producer = await Producer.connect(process.env.CELERY_BROKER_URL!);
try {
  const cell = await producer.cell("companies", "1", "industry");
  console.log(JSON.stringify({ state: cell.state, value: cell.value }));

  const row = await producer.row("companies", "2", ["country", "website"]);
  console.log(JSON.stringify(Object.keys(row).sort()));

  const totals = await producer.rows("companies", ["1", "2"], ["country", "website"]);
  console.log(JSON.stringify({ rows: totals.rows, filled: totals.filled, cost: totals.cost }));

  const named = { table_id: "companies", row_id: "2", column_key: "industry" };
  const id = await producer.send("enrich.cell", named); // and later, or elsewhere:
  console.log((await producer.result<Cell>(id)).state);

  await producer.cell("companies", "1", "industri");
} catch (error) {
  if (error instanceof NoAnswerError) console.log(error.taskId, error.reason); // result(taskId), later
  else if (error instanceof TaskError) console.log(error.message); // mend the request
  else if (error instanceof BrokerDownError) console.log(error.message); // not sent: try again
  else throw error;
} finally {
  await producer.close();
}
