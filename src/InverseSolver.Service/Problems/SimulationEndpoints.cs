using System.Globalization;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Service.Access;
using InverseSolver.Service.Requests;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Problems;

/// <summary>Simulated measurements.</summary>
internal static class SimulationEndpoints
{
    /// <summary>Maps the endpoint.</summary>
    public static void MapSimulation(this RouteGroupBuilder group) =>
        group.MapPost("measurements/simulate", Simulate).WithName("simulateMeasurement")
            .Accepts<SimulationRequest>("application/json", "multipart/form-data")
            .Produces(StatusCodes.Status200OK, contentType: "application/octet-stream", additionalContentTypes: ["image/png", "application/zip"])
            .Needs(Scope.Submit).ProducesErrors(408, 413, 415, 422, 429, 503);

    /// <summary>Makes a measurement from a clean image.</summary>
    /// <remarks>
    /// Answers with a .npy file (float32, or complex64 for k-space) that can be submitted as a measurement; with `Accept: image/png`, with a picture of it;
    /// with `Accept: application/zip`, with an .npz of it and of the arrays drawn for it (mask of `inpainting` and `mri`, psf of `motionBlur`; for
    /// `parallelMri` mask and maps). The archive can be submitted as a measurement as well: with the same problem, which then draws the same arrays, or with
    /// one that uses those of the archive (`"mask": {"type": "file"}`, `pointSpread`). An image that is not on [0,1] is measured unchanged; the header
    /// `Measurement-Warnings` states this and other warnings on the files. The header `Measurement-Sigma` has the added noise, `Measurement-Effective-Sigma`
    /// that with the quantisation of an 8-bit image; `Measurement-Photons` the photons per unit, where photons are counted.
    /// </remarks>
    /// <response code="200">The measurement.</response>
    private static async Task<FileContentHttpResult> Simulate(
        HttpContext http, [FromServices] UploadReader reader, [FromServices] UploadGate gate,
        [FromServices] IOptions<OperatorOptions> operators,
        [FromServices] IOptions<LimitOptions> limits)
    {
        string caller = http.Account().Caller;
        using Upload<SimulationRequest> upload = await reader.ReadAsync<SimulationRequest>(
            http.Request, caller, SimulationRequest.FileNames, http.RequestAborted);
        SimulationRequest request = upload.Request;
        RequestChecks.CheckRanges(request);
        if (!upload.Files.ContainsKey("image"))
        {
            throw RequestChecks.Unprocessable("missingFile", "files.image", "The image is required, as a part or as a data URI.");
        }

        return await gate.RunAsync(
            caller, upload.Files, formats => Measure(http, upload, formats, operators.Value, limits.Value), http.RequestAborted);
    }

    private static FileContentHttpResult Measure(
        HttpContext http, Upload<SimulationRequest> upload, FormatReader formats, OperatorOptions operators, LimitOptions limits)
    {
        SimulationRequest request = upload.Request;
        var simulation = new FileSimulation(request.Problem, request.Sigma, request.Seed, request.Photons, request.Coils);
        (SimulatedMeasurement simulated, double effective) = simulation.Run(formats, upload.Files, limits.Pixels, limits.Frames, operators.Folder);
        ArrayData measurement = simulated.Measurement;
        http.Response.Headers["Measurement-Sigma"] = request.Sigma.ToString("R", CultureInfo.InvariantCulture);
        http.Response.Headers["Measurement-Effective-Sigma"] = effective.ToString("R", CultureInfo.InvariantCulture);
        if (simulated.Warnings.Count > 0)
        {
            http.Response.Headers["Measurement-Warnings"] = string.Join(' ', simulated.Warnings);
        }

        if (request.Photons is { } photons)
        {
            http.Response.Headers["Measurement-Photons"] = photons.ToString("R", CultureInfo.InvariantCulture);
        }

        if (Accepts("application/zip"))
        {
            Dictionary<string, ArrayData> all = new(simulated.Files) { ["measurement"] = measurement };
            return TypedResults.Bytes(Npz.Write(all), "application/zip", "measurement.npz");
        }

        return Accepts("image/png") && Pictures.ToPng(measurement, 8) is { } png
            ? TypedResults.Bytes(png, "image/png")
            : TypedResults.Bytes(Npy.Write(measurement), "application/octet-stream", "measurement.npy");

        bool Accepts(string mediaType) =>
            http.Request.GetTypedHeaders().Accept.Any(type => type.MediaType.Equals(mediaType, StringComparison.OrdinalIgnoreCase));
    }
}
