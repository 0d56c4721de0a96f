/** The cookies of pages: all of one shape, read and written here alone. */
import type { Context } from 'koa';

export interface PageCookies {
  get(name: string): string | undefined;
  set(name: string, value: string, seconds: number): void;
  clear(name: string): void;
}

/** Over https a name gets the prefix that keeps other hosts and paths from setting it (RFC 6265bis 4.1.3.2). */
export function cookiesOf(koa: Context, publicUrl: string): PageCookies {
  const isSecure = publicUrl.startsWith('https:');
  const nameOf = (name: string) => `${isSecure ? '__Host-' : ''}latchkey_${name}`;
  function set(name: string, value: string, seconds: number): void {
    const secure = isSecure ? '; Secure' : '';
    koa.append('Set-Cookie', `${nameOf(name)}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure}`);
  }
  return {
    get: (name) => koa.cookies.get(nameOf(name)) || undefined,
    set,
    clear: (name) => set(name, '', 0),
  };
}
