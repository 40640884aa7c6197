using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace InverseSolver.ServiceTests.Owasp;

/// <summary>
/// API7:2023: addresses that the service would call for a sender. Only webhooks are called; their rules are in <see cref="WebhookStories"/>. Here nothing
/// else is.
/// </summary>
public sealed class Api07ServerSideRequestForgery
{
    [Fact]
    public async Task No_member_of_a_request_makes_the_service_call_an_address()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string address = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/x.png";
        using var service = new Service(folder: null, ("Access:Keys", "true"), ("Webhooks:Secrets:0", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        using var sender = new Browser(service.Client.BaseAddress!);
        (string, string) key = ("X-API-Key", service.Key("alice"));
        string[] addresses = [address, address.Replace("http", "https", StringComparison.Ordinal), "file:///etc/passwd", "/etc/passwd", "\\\\127.0.0.1\\x"];
        foreach (string sent in addresses)
        {
            foreach (string file in (string[])["measurement", "mask", "psf", "truth", "maps", "reference"])
            {
                JsonObject job = Requests.Job();
                job["files"]![file] = sent;
                Assert.Equal((422, "invalidDataUri"), await sender.PostAsync("/v1/jobs", job, key));
            }

            JsonObject model = Requests.Job(), hook = Requests.Job();
            model["model"] = sent;
            hook["webhook"] = new JsonObject { ["url"] = sent };
            Assert.Equal((422, "unknownModel"), await sender.PostAsync("/v1/jobs", model, key));
            Assert.Equal((422, "invalidValue"), await sender.PostAsync("/v1/jobs", hook, key));
        }

        Assert.Equal(404, (await sender.AskAsync("GET", $"/v1/models/{Uri.EscapeDataString(address)}", key)).Status);
        Assert.False(listener.Pending());
    }
}
