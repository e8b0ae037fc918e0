import { perMillion } from '~/i18n/money';
import { Money } from '~/ui/amounts';

/** US dollars a million units, exact; a dash where there is no such price. */
export function Price({ price }: { price: string | undefined }) {
  const nanos = price === undefined ? null : perMillion(price);
  return nanos === null ? <>–</> : <Money value={String(nanos)} places={6} />;
}

/** Prices for what is counted one by one, and not by the million. */
export const SINGLE = new Set(['request', 'image', 'image_output', 'second', 'document', 'character']);
