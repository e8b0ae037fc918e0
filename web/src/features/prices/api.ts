import { useQuery } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';
import { usePages } from '~/session/pages';

export type PriceInForce = components['schemas']['PriceInForce'];
export type PriceRow = components['schemas']['PriceView'];
export type FxRate = components['schemas']['FxRateView'];
export type Override = components['schemas']['OverrideView'];

const PAGE = 50;

export function usePricesInForce(model: string) {
  return useQuery({
    queryKey: ['admin', 'prices', 'in-force', model],
    enabled: model !== '',
    queryFn: async ({ signal }) => (await api.get('/api/v1/admin/prices/in-force', { signal, query: { model } as never })).data,
  });
}

export function usePriceRows() {
  return usePages(['admin', 'prices', 'rows'], (after, signal) => api.get('/api/v1/admin/prices', { signal, query: { limit: PAGE, after } }));
}

export function useOverrides() {
  return usePages(['admin', 'prices', 'overrides'], (after, signal) =>
    api.get('/api/v1/admin/price-overrides', { signal, query: { limit: PAGE, after } }),
  );
}

export function useFxRates() {
  return usePages(['admin', 'prices', 'fx'], (after, signal) => api.get('/api/v1/admin/fx-rates', { signal, query: { limit: PAGE, after } }));
}

