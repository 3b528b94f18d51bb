/** `DigestKey`: a random key for the digests of secret values, so that the state's digests tell nothing about short secrets. */
import { randomBytes } from "node:crypto";
import { dynamicProvider, type Handler } from "./provider";

const handler: Handler<object, { key: string }> = {
  type: "DigestKey",

  async create() {
    return { id: randomBytes(8).toString("hex"), computed: { key: randomBytes(32).toString("base64") } };
  },
};

export default dynamicProvider(handler);
