using System.IO.Compression;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Service.Access;
using InverseSolver.Service.Storage;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;

namespace InverseSolver.Service.Jobs;

/// <summary>The files that jobs produce.</summary>
internal static class ArtefactEndpoints
{
    /// <summary>Maps the endpoints.</summary>
    public static void MapArtefacts(this RouteGroupBuilder jobs)
    {
        jobs.MapGet("{id}/artefacts", List).WithName("listArtefacts").Needs(Scope.Read).ProducesErrors(404);
        jobs.MapGet("{id}/artefacts.zip", DownloadAll).WithName("getArtefactsZip").Needs(Scope.Read)
            .Produces(StatusCodes.Status200OK, contentType: "application/zip").ProducesErrors(404, 500);
        jobs.MapGet("{id}/artefacts/{name}", Download).WithName("getArtefact").Needs(Scope.Read)
            .Produces(
                StatusCodes.Status200OK, contentType: "application/octet-stream",
                additionalContentTypes: ["image/png", "application/json", "application/dicom"])
            .ProducesErrors(404, 500);
    }

    /// <summary>Downloads all of a job's files as one ZIP archive.</summary>
    /// <remarks>The files are in a folder of the job's id, uncompressed, under the names that `/v1/jobs/{id}/artefacts` lists.</remarks>
    /// <param name="id">The job's id.</param>
    /// <response code="200">The archive, in a folder of the job's id.</response>
    private static PushStreamHttpResult DownloadAll(string id, HttpContext http, [FromServices] JobStore store, [FromServices] JobFolder folder)
    {
        JobRow job = store.Find(id, http.Account().Owns);
        IReadOnlyList<Artefact> artefacts = job.ToJob().Result?.Artefacts ?? throw new RequestException(
            StatusCodes.Status404NotFound, "notFound", null, job.IsFinal ? "The job did not succeed: it has no files." : "The job has no files yet.");
        string[] paths = [.. artefacts.Select(artefact => CheckedPath(job, artefact, folder))];
        http.Response.Headers.CacheControl = "private, no-store";

        // The archive writes a few bytes after each entry synchronously (.NET 10).
        if (http.Features.Get<IHttpBodyControlFeature>() is { } control) control.AllowSynchronousIO = true;
        return TypedResults.Stream(
            async body =>
            {
                // Most files are compressed already.
                await using ZipArchive archive = await ZipArchive.CreateAsync(body, ZipArchiveMode.Create, leaveOpen: true, entryNameEncoding: null);
                foreach ((Artefact artefact, string path) in artefacts.Zip(paths))
                {
                    await archive.CreateEntryFromFileAsync(path, $"{id}/{artefact.Name}", CompressionLevel.NoCompression, http.RequestAborted);
                }
            },
            "application/zip", $"{id}.zip");
    }

    private static string CheckedPath(JobRow job, Artefact artefact, JobFolder folder)
    {
        string path = folder.PathOf(job.Id, job.Epoch, artefact.Name);
        return JobFolder.HashOf(path) == artefact.Sha256 ? path : throw new RequestException(
            StatusCodes.Status500InternalServerError, "artefactChanged", null,
            "The stored file is missing, or is not the one that was written: it is not sent. Solve the job again.");
    }

    /// <summary>Lists a job's files.</summary>
    /// <remarks>Each with its name, media type, size and SHA-256; `GET /v1/jobs/{id}/artefacts/{name}` sends one.</remarks>
    /// <param name="id">The job's id.</param>
    /// <response code="200">The files; none before the job has succeeded.</response>
    private static Ok<ArtefactList> List(string id, HttpContext http, [FromServices] JobStore store) =>
        TypedResults.Ok(new ArtefactList(store.Find(id, http.Account().Owns).ToJob().Result?.Artefacts ?? []));

    /// <summary>Downloads one of a job's files.</summary>
    /// <remarks>
    /// `result.npy` is the image as float32 (channels, height, width) on the [0,1] scale, not clipped; `result.png` and `result16.png` are clipped;
    /// `deviation.npy` is the standard deviation over the samples, where there were several, and `deviation.png` a picture of it whose white is the report's
    /// `deviationWhite`; `result.nii` and `result-0000.dcm`, `result-0001.dcm`, ... (a derived MR series) are written where the measurement is a scan or a
    /// `reference` was sent, in the measurement's units; `mask.png`, for problems with a mask, is white where the measurement was used; for `parallelMri`,
    /// `complex.npy`, `maps.npy`, `kspace.npy` and `mask.npy` hold the complex image, coil sensitivities, k-space and mask; `report.json` has the consistency
    /// figures and the provenance; `measurement.npy` is the measurement as it was solved.
    /// </remarks>
    /// <param name="id">The job's id.</param>
    /// <param name="name">The file's name.</param>
    /// <response code="200">The file. It never changes.</response>
    private static PhysicalFileHttpResult Download(
        string id, string name, HttpContext http, [FromServices] JobStore store, [FromServices] JobFolder folder)
    {
        JobRow job = store.Find(id, http.Account().Owns);
        Artefact artefact = job.ToJob().Result?.Artefacts.FirstOrDefault(file => file.Name == name) ?? throw RequestException.NotFound("file of this job");
        string path = CheckedPath(job, artefact, folder);
        bool inline = artefact.ContentType is "image/png" or "application/json";
        http.Response.Headers.ContentDisposition = $"{(inline ? "inline" : "attachment")}; filename=\"{id}-{artefact.Name}\"";
        if (http.Request.GetTypedHeaders().Range is { Unit.Value: "bytes", Ranges: { Count: 1 } ranges }
            && ranges.Single() is var range && (range.From >= artefact.Bytes || (range.From is null && range.To == 0)))
        {
            http.Response.Headers.ContentRange = $"bytes */{artefact.Bytes}";
            throw new RequestException(
                StatusCodes.Status416RangeNotSatisfiable, "rangeNotSatisfiable", "Range", $"The file has {artefact.Bytes} bytes: ask for some of these.");
        }

        // A patient's image stays in no browser's cache.
        http.Response.Headers.CacheControl = "private, no-store";
        return TypedResults.PhysicalFile(
            path, artefact.ContentType, entityTag: new EntityTagHeaderValue($"\"{artefact.Sha256}\""), enableRangeProcessing: true);
    }
}
