import { useLocation } from '@tanstack/react-router';

/** The token of a mail's link: after the `#`, where no server and no log sees it. */
export function useMailToken(): string | undefined {
  const { hash } = useLocation();
  return new URLSearchParams(hash.replace(/^#/, '')).get('token') ?? undefined;
}
