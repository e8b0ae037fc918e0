import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode, useState } from 'react';
import { setNonce } from 'get-nonce';

import { Problem } from '~/api/problem';
import { meQuery } from '~/session/me';
import { StepUpProvider } from '~/session/step-up';
import { NoticeProvider } from '~/ui/notices';
import { cssVariables, theme } from '~/ui/theme';

import { newRouter } from './router';

const colorScheme = localStorageColorSchemeManager({ key: 'opengateway-theme' });

/** Styles that scripts write need this answer's nonce; nothing else may be inline. */
function nonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';
}

function newClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      // A session that ended elsewhere ends here: the shell then shows sign-in.
      onError: (error) => {
        if (error instanceof Problem && error.status === 401) client.setQueryData(meQuery.queryKey, null);
      },
    }),
    // The thin client tries reads again itself, so that the rule is in one place.
    defaultOptions: { queries: { retry: false, staleTime: 10_000 }, mutations: { retry: false } },
  });
  return client;
}

export function App() {
  const [client] = useState(newClient);
  const [router] = useState(() => newRouter(client));
  const [ofThisAnswer] = useState(() => {
    setNonce(nonce());
    return nonce();
  });
  return (
    <StrictMode>
      <MantineProvider
        theme={theme}
        cssVariablesResolver={cssVariables}
        colorSchemeManager={colorScheme}
        defaultColorScheme="auto"
        getStyleNonce={() => ofThisAnswer}
      >
        <QueryClientProvider client={client}>
          <NoticeProvider>
            <StepUpProvider>
              <RouterProvider router={router} />
            </StepUpProvider>
          </NoticeProvider>
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>
  );
}
