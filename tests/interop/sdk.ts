// The types that openapi-typescript wrote from the document, at work: this file must compile, and then run.

import createClient from "openapi-fetch";
import type { components, paths } from "./document.js";

declare const process: { env: Record<string, string> };

const anyone = createClient<paths>({ baseUrl: process.env["API"]! });

const registration: components["schemas"]["Registration"] = {
  email: "lea@example.org",
  password: "correct horse battery",
  role: "TALENT",
  firstName: "Léa",
};
const registered = await anyone.POST("/api/v1/auth/register", { body: registration });
if (registered.error) throw new Error(registered.error.message);
const user: { id: string; role: "CLIENT" | "TALENT" | "ADMIN" } = registered.data.user;

const headers = { Authorization: `Bearer ${registered.data.accessToken}` };
const lea = createClient<paths>({ baseUrl: process.env["API"]!, headers });
const me = await lea.GET("/api/v1/auth/me");
if (me.data?.id !== user.id || me.data.profile.firstName !== "Léa") throw new Error(JSON.stringify(me));

const changed = await lea.PATCH("/api/v1/me/profile", { body: { jobId: "ide", specialties: ["Pédiatrie"] } });
if (changed.data?.specialties[0] !== "pediatrie") throw new Error(JSON.stringify(changed));

const missions = await lea.GET("/api/v1/matching/missions", { params: { query: { scope: "open", limit: 5 } } });
const titles: string[] | undefined = missions.data?.items.map((mission) => mission.title);
if (!titles) throw new Error(JSON.stringify(missions));

const talent = await lea.GET("/api/v1/talents/{id}", { params: { path: { id: "00000000-0000-7000-8000-000000000000" } } });
if (talent.error?.code !== "NOT_FOUND") throw new Error(JSON.stringify(talent));

// The compiler refuses what the API would refuse.
// @ts-expect-error: there is no such scope
void (() => lea.GET("/api/v1/matching/missions", { params: { query: { scope: "all" } } }));
// @ts-expect-error: the rate is a number
const wrong: components["schemas"]["MissionRequest"] = { hourlyRateCents: "25" };
void wrong;
