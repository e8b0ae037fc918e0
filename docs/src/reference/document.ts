// What is read of an OpenAPI document: enough to show its operations and to send a request.

export interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  anyOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  examples?: unknown[];
}
export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header' | 'cookie';
  required?: boolean;
  description?: string;
  schema?: Schema;
}
interface Content {
  schema?: Schema;
  example?: unknown;
}
export interface Operation {
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { content: Record<string, Content> };
  responses?: Record<string, { description?: string }>;
  'x-opengateway-permission'?: string;
}
export interface Document {
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}
export interface Field {
  name: string;
  kind: string;
  required: boolean;
  description: string;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

export function operations(document: Document): [tag: string, method: string, path: string, operation: Operation][] {
  const found: [string, string, string, Operation][] = [];
  for (const [path, methods] of Object.entries(document.paths))
    for (const method of METHODS) {
      const operation = methods[method];
      if (operation) found.push([operation.tags?.[0] ?? 'other', method, path, operation]);
    }
  return found;
}

function named(schema: Schema | undefined, document: Document): Schema {
  const name = schema?.$ref?.split('/').pop();
  return (name === undefined ? schema : document.components?.schemas?.[name]) ?? {};
}

export function fields(schema: Schema | undefined, document: Document): Field[] {
  const whole = named(schema, document);
  if (whole.allOf) return whole.allOf.flatMap((part) => fields(part, document));
  return Object.entries(whole.properties ?? {}).map(([name, value]) => ({
    name,
    kind: kindOf(value),
    required: whole.required?.includes(name) ?? false,
    description: value.description ?? named(value, document).description ?? '',
  }));
}

export function kindOf(schema: Schema | undefined): string {
  if (!schema) return 'any';
  if (schema.$ref) return schema.$ref.split('/').pop() ?? 'object';
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
  if (schema.anyOf) return schema.anyOf.map(kindOf).filter((one) => one !== 'null').join(' | ');
  if (schema.items) return `list of ${kindOf(schema.items)}`;
  return [schema.type ?? 'any'].flat().join(' | ');
}

/** A body to begin with; undefined where the operation takes none, or no JSON. */
export function exampleOf(operation: Operation, document: Document): unknown {
  const content = operation.requestBody?.content['application/json'];
  if (!content) return undefined;
  return content.example ?? named(content.schema, document).examples?.[0] ?? {};
}
