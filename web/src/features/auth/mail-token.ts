import { useLocation } from '@tanstack/react-router';
import { useEffect } from 'react';

const KEPT = 'opengateway-invitation';

/** The token of a mail's link: after the `#`, where no server and no log sees it. */
export function useMailToken(): string | undefined {
  const { hash } = useLocation();
  return new URLSearchParams(hash.replace(/^#/, '')).get('token') ?? undefined;
}

/**
 * An invitation's, kept for this tab: whoever signs in first, perhaps at another site, comes back to
 * the page without what stood after the `#`.
 */
export function useInvitationToken(): string | undefined {
  const given = useMailToken();
  useEffect(() => {
    if (given !== undefined) sessionStorage.setItem(KEPT, given);
  }, [given]);
  return given ?? sessionStorage.getItem(KEPT) ?? undefined;
}

export function forgetInvitation(): void {
  sessionStorage.removeItem(KEPT);
}
