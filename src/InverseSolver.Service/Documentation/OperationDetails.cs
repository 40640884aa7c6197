using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace InverseSolver.Service.Documentation;

/// <summary>Describes bodies in JSON or multipart, with examples that run unchanged.</summary>
internal sealed class OperationDetails : IOperationFilter
{
    /// <inheritdoc/>
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        switch (operation.OperationId)
        {
            case "submitJob" or "estimateJob":
                IEnumerable<JobExample> examples = operation.OperationId == "submitJob" ? Examples.Jobs : Examples.Jobs.Take(1);
                Describe(
                    operation, Jobs.JobRequest.FileNames, Examples.Job("inpainting"),
                    examples.ToDictionary(example => example.Name, example => (example.Summary, Examples.Job(example))));
                break;
            case "simulateMeasurement":
                Describe(
                    operation, Problems.SimulationRequest.FileNames, Examples.Simulation(withFiles: false),
                    new() { ["mri"] = ("k-space of a phantom", Examples.Simulation(withFiles: true)) });
                Answer(operation, ["application/octet-stream", "image/png", "application/zip"]);
                break;
            case "listJobs":
                // Read as text, because the binder knows only the enumerations' names in the code.
                if (operation.Parameters?.FirstOrDefault(parameter => parameter.Name == "state") is OpenApiParameter state)
                {
                    state.Schema = context.SchemaGenerator.GenerateSchema(typeof(Jobs.JobState), context.SchemaRepository);
                }

                break;
            case "listenToJob":
                Answer(
                    operation, ["text/event-stream"], context.SchemaGenerator.GenerateSchema(typeof(Jobs.JobEvent), context.SchemaRepository));
                break;
            case "getArtefactsZip":
                Answer(operation, ["application/zip"]);
                break;
            case "getArtefact":
                Answer(operation, ["application/octet-stream", "image/png", "application/json", "application/dicom"]);
                break;
        }
    }

    /// <summary>Answers in bytes of these media types; of a stream of events with the schema of each event's data.</summary>
    private static void Answer(OpenApiOperation operation, IEnumerable<string> types, IOpenApiSchema? data = null)
    {
        if (operation.Responses?["200"] is not OpenApiResponse answer) return;
        answer.Content = types.ToDictionary(type => type, _ => (IOpenApiMediaType)new OpenApiMediaType
        {
            Schema = new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Format = "binary",
                ContentSchema = data,
                Description = data is null ? null : "Server-sent events; `data` of each is the JSON of `contentSchema`.",
            },
        });
    }

    private static void Describe(
        OpenApiOperation operation, IReadOnlyList<string> files, JsonObject part, Dictionary<string, (string Summary, JsonObject Value)> examples)
    {
        if (operation.RequestBody is not OpenApiRequestBody { Content: { } content } body)
        {
            return;
        }

        body.Required = true;
        if (content["application/json"] is not OpenApiMediaType asJson)
        {
            return;
        }

        asJson.Examples = examples.ToDictionary(
            example => example.Key, example => (IOpenApiExample)new OpenApiExample { Summary = example.Value.Summary, Value = example.Value.Value });
        var parts = new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Required = new HashSet<string> { "request", files[0] },
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["request"] = new OpenApiSchema { AllOf = [asJson.Schema!], Examples = [part] },
            },
        };
        foreach (string file in files)
        {
            parts.Properties[file] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary", Description = Formats(file) };
        }

        content["multipart/form-data"] = new OpenApiMediaType
        {
            Schema = parts,
            Encoding = new Dictionary<string, OpenApiEncoding> { ["request"] = new() { ContentType = "application/json" } },
        };
    }

    private static string Formats(string file) => file switch
    {
        "measurement" =>
            "PNG, JPEG, TIFF, WebP, .npy, .npz, DICOM, NIfTI, ISMRMRD or fastMRI HDF5, or BART's .cfl with its header. "
                + "A DICOM series is a ZIP archive of its files, or several parts of this name.",
        "reference" => "DICOM, or NIfTI for the place alone.",
        "header" => "BART's .hdr.",
        _ => "PNG, JPEG, TIFF, WebP or .npy.",
    };
}
