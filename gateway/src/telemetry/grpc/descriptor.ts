/** A proto file as the JSON descriptor that the gRPC library reads at run time, where there is no proto file. */
import { loadSync } from "@grpc/proto-loader";

interface Field {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
}

type Nested = Readonly<Record<string, object>>;

/** Messages of plain fields and services, which is all that telemetry.proto has; throws on anything else. */
export function descriptorOf(protoFile: string, packageName: string): { readonly nested: Nested } {
  const nested: Record<string, object> = {};
  for (const [fullName, definition] of Object.entries(loadSync(protoFile, { keepCase: false }))) {
    const name = fullName.slice(packageName.length + 1);
    if (fullName !== `${packageName}.${name}`) throw new Error(`${fullName} is in another package`);
    if ("type" in definition) nested[name] = { fields: fieldsOf(fullName, definition.type) };
    else nested[name] = { methods: methodsOf(definition) };
  }
  const wrap = (inner: Nested, part: string): Nested => ({ [part]: { nested: inner } });
  return { nested: packageName.split(".").reduceRight(wrap, nested) };
}

function fieldsOf(message: string, type: object): Readonly<Record<string, object>> {
  const { field } = type as { readonly field: readonly Field[] };
  return Object.fromEntries(
    field.map(({ name, number, label, type: typeName }) => {
      const plain = /^TYPE_(STRING|BOOL|U?INT(?:32|64))$/.exec(typeName)?.[1]?.toLowerCase();
      if (plain === undefined || label !== "LABEL_OPTIONAL") {
        throw new Error(`${message}.${name} is a ${label} ${typeName}, no single plain value`);
      }
      return [camelCase(name), { type: plain, id: number }];
    }),
  );
}

function methodsOf(service: object): Readonly<Record<string, object>> {
  return Object.fromEntries(
    Object.entries(service as Record<string, Method>).map(([name, method]) => [
      name,
      {
        requestType: method.requestType.type.name,
        requestStream: method.requestStream,
        responseType: method.responseType.type.name,
        responseStream: method.responseStream,
      },
    ]),
  );
}

interface Method {
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestType: { readonly type: { readonly name: string } };
  readonly responseType: { readonly type: { readonly name: string } };
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
