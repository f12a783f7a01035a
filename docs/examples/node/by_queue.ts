import { Producer, TaskError } from "./producer.js";

const producer = await Producer.connect(process.env.CELERY_BROKER_URL!);
try {
  const cell = await producer.cell("companies", "1", "industry");
  console.log(JSON.stringify({ state: cell.state, value: cell.value }));
  const row = await producer.row("companies", "2", ["country", "website"]);
  console.log(JSON.stringify(Object.keys(row).sort()));
  await producer.cell("companies", "1", "industri");
} catch (error) {
  if (!(error instanceof TaskError)) throw error;
  console.log(error.message);
} finally {
  await producer.close();
}
