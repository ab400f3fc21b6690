/** Checksum of a secret: finds typing errors before anything is looked up. */

import { crc32 } from "node:zlib";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH = 6;

/** Return the CRC-32 of the secret's 43 random characters as 6 base62 characters, most significant first. */
export function checksum(random: string): string {
  let number = crc32(random);
  let digits = "";
  for (let place = 0; place < LENGTH; place++) {
    digits = ALPHABET.charAt(number % 62) + digits;
    number = Math.floor(number / 62);
  }
  return digits;
}
