using System.Text.Json.Nodes;
using InverseSolver.Reconstruction.Problems;
using Microsoft.AspNetCore.Authorization;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace InverseSolver.Service.Documentation;

/// <summary>Describes who may call an operation, and bodies in JSON or multipart, with examples that run unchanged.</summary>
internal sealed class OperationDetails : IOperationFilter
{
    /// <inheritdoc/>
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        Secure(operation, context);
        bool ofJobs = context.ApiDescription.RelativePath?.StartsWith("v1/jobs/", StringComparison.Ordinal) == true;
        foreach (OpenApiParameter parameter in operation.Parameters?.OfType<OpenApiParameter>() ?? []) Describe(parameter, operation.OperationId, ofJobs);
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
                    operation, Service.Problems.SimulationRequest.FileNames, Examples.Simulation(withFiles: false),
                    new() { ["mri"] = ("mri: k-space of a phantom", Examples.Simulation(withFiles: true)) });
                Answer(operation, ["application/octet-stream", "image/png", "application/zip"]);
                break;
            case "listJobs":
                // Read as text, because the binder knows only the enumerations' names in the code.
                context.SchemaRepository.AddDefinition("ProblemType", new OpenApiSchema
                {
                    Type = JsonSchemaType.String,
                    Description = "A kind of problem: its `type`.",
                    Enum = [.. Problem.Kinds.Select(kind => kind.Name)],
                });
                context.SchemaRepository.AddDefinition("JobPart", new OpenApiSchema
                {
                    Type = JsonSchemaType.String,
                    Description = "A part of a job that lists leave out.",
                    Enum = [.. Jobs.JobEndpoints.Parts],
                });
                foreach (OpenApiParameter parameter in operation.Parameters?.OfType<OpenApiParameter>() ?? [])
                {
                    parameter.Schema = parameter.Name switch
                    {
                        "state" => context.SchemaGenerator.GenerateSchema(typeof(Jobs.JobState), context.SchemaRepository),
                        "problem" => new OpenApiSchemaReference("ProblemType"),
                        "createdFrom" or "createdTo" => new OpenApiSchema { Type = JsonSchemaType.String, Format = "date-time" },
                        "limit" => new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int32", Minimum = "1", Maximum = "200", Default = 50 },
                        "expand" => new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchemaReference("JobPart") },
                        _ => parameter.Schema,
                    };
                    if (parameter.Name == "expand") (parameter.Style, parameter.Explode) = (ParameterStyle.Form, false);
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

    // Alternatives. The last one, nothing, is for connections with a client certificate, and for a service without authentication, which refuses keys. The
    // scope stands in words: linters take those in a requirement's list for OAuth's.
    private static void Secure(OpenApiOperation operation, OperationFilterContext context)
    {
        IList<object> metadata = context.ApiDescription.ActionDescriptor.EndpointMetadata;
        operation.Security = [];
        if (metadata.OfType<IAllowAnonymous>().Any()) return;
        string scope = metadata.OfType<IAuthorizeData>().LastOrDefault() is { } asked ? asked.Policy ?? "any" : Access.Scope.Read;
        operation.Description = $"{operation.Description} Scope: {scope}.".TrimStart();
        foreach (string scheme in ApiDocumentation.Schemes)
        {
            operation.Security.Add(new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(scheme, context.Document)] = [] });
        }

        operation.Security.Add(new OpenApiSecurityRequirement());
    }

    // Swagger UI fills the fields with these. What is deleted is another one than what is shown.
    private static void Describe(OpenApiParameter parameter, string? operation, bool ofJobs)
    {
        if (ofJobs && parameter.Name == "id")
        {
            parameter.Description =
                "The job's id. The one shown is that of an example, which a service has that was started with the option `Jobs:Examples` (as by `make run`); "
                + "`GET /v1/jobs` lists the ids of all jobs.";
        }

        if ((operation, parameter.Name) == ("retainJob", "days"))
        {
            parameter.Schema = new OpenApiSchema
            {
                Type = JsonSchemaType.Integer,
                Format = "int32",
                Minimum = "1",
                Maximum = $"{Jobs.JobRequest.MaxRetain}",
            };
        }

        parameter.Example = (parameter.Name, ofJobs) switch
        {
            ("id", true) => Examples.Jobs[operation == "deleteJob" ? ^1 : 0].Id,
            ("id", false) => "brain-mri-128",
            ("name", true) => "result.png",
            ("days", true) => 365,
            ("Last-Event-ID", true) => "0",
            _ => null,
        };
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
