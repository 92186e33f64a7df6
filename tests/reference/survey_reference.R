# Writes a folder of results of R `survey` on its own example data, in the form that
# `python -m tests.reference.survey DIR` reads:  Rscript tests/reference/survey_reference.R DIR
suppressMessages({library(survey); library(jsonlite)})
dir <- commandArgs(TRUE)[1]; dir.create(dir, showWarnings = FALSE, recursive = TRUE)
out <- list()
keep <- function(d, name) write.csv(d, file.path(dir, paste0(name, ".csv")), row.names = FALSE, na = "")
add <- function(id, design, call, r, ...) {
  out[[length(out) + 1]] <<- c(list(id = id, design = design, call = call,
    estimate = as.numeric(coef(r)), se = as.numeric(SE(r))), list(...))
}
data(api); keep(apiclus1, "apiclus1"); keep(apiclus2, "apiclus2"); keep(apistrat, "apistrat")

words <- "svydesign(ids=~dnum+snum, fpc=~fpc1+fpc2, data=apiclus2) two-stage"
two <- svydesign(ids = ~dnum + snum, fpc = ~fpc1 + fpc2, data = apiclus2)
add("clus2/mean", words, "svymean(~api00)", svymean(~api00, two), df = degf(two))
add("clus2/total", words, "svytotal(~enroll, na.rm=TRUE)", svytotal(~enroll, two, na.rm = TRUE))
replacing <- svydesign(ids = ~dnum, weights = ~pw, data = apiclus2)
add("clus2wr/mean", "svydesign(ids=~dnum, weights=~pw, data=apiclus2) with-replacement",
    "svymean(~api00)", svymean(~api00, replacing))
data(mu284); keep(mu284, "mu284")
swedish <- svydesign(ids = ~id1 + id2, fpc = ~n1 + n2, data = mu284)
for (f in c("svytotal", "svymean"))
  add(paste0("mu284/", f), "svydesign(ids=~id1+id2, fpc=~n1+n2)", paste0(f, "(~y1)"),
      get(f)(~y1, swedish))

data(election); keep(election_pps, "election_pps")
three <- ~Bush + Kerry + Nader
brewer <- svydesign(id = ~1, fpc = ~p, data = election_pps, pps = "brewer")
add("pps/brewer", "svydesign(id=~1,fpc=~p,data=election_pps,pps='brewer')",
    "svytotal(~Bush+Kerry+Nader)", svytotal(three, brewer))
constant <- sum(election$p^2) / 40
hr <- svydesign(id = ~1, fpc = ~p, data = election_pps, pps = HR(constant))
add("pps/HR", "svydesign(...,pps=HR(sum(election$p^2)/40))", "svytotal(~Bush+Kerry+Nader)",
    svytotal(three, hr), HR_const = constant)

# strata within PSUs, some with one unit of several: the rules for these at the second stage
nested <- data.frame(a = rep(1:6, each = 6), h = rep(c("x", "y"), each = 18), n1 = rep(c(7, 9), each = 18))
nested$g <- rep(c(1, 1, 1, 2, 2, 3), 6); nested$b <- rep(1:6, 6)
nested <- nested[!(nested$a %in% c(2, 5) & nested$b == 5), ]
nested$n2 <- c(5, 4, 3)[nested$g]
nested$y1 <- round(10 * sin(seq_len(nrow(nested))) + nested$a, 3)
nested$hit <- ifelse(nested$y1 > 3, "Yes", "No"); nested$part <- ifelse(nested$b > 3, "Yes", "No")
keep(nested, "nested")
words <- "svydesign(ids=~a+b, strata=~h+g, fpc=~n1+n2, nest=TRUE)"
for (rule in c("remove", "average")) {
  options(survey.lonely.psu = rule)
  deep <- svydesign(ids = ~a + b, strata = ~h + g, fpc = ~n1 + n2, data = nested, nest = TRUE)
  for (f in c("svytotal", "svymean"))
    add(paste("nested", f, rule), words, paste0("options(survey.lonely.psu='", rule, "'); ", f, "(~y1)"),
        get(f)(~y1, deep))
}
options(survey.lonely.psu = "remove")
part <- subset(deep, part == "Yes")
for (method in c("logit", "beta")) {
  r <- svyciprop(~I(hit == "Yes"), part, method = method)
  out[[length(out) + 1]] <- list(
    id = paste("nested ciprop", method), design = words, estimate = as.numeric(coef(r)),
    call = paste0("options(survey.lonely.psu='remove'); svyciprop(~I(y1>3), subset(design, part=='Yes'), method='", method, "')"),
    ci95 = as.numeric(confint(r)))
}
options(survey.lonely.psu = "fail")

data(fpc); keep(fpc, "fpc")
words <- "svydesign(ids=~psuid,strata=~stratid,weights=~weight,fpc=~Nh,nest=TRUE)"
small <- svydesign(ids = ~psuid, strata = ~stratid, weights = ~weight, fpc = ~Nh, nest = TRUE, data = fpc)
add("fpc/total", words, "svytotal(~x)", svytotal(~x, small))
add("fpc/mean", words, "svymean(~x)", svymean(~x, small))

data(scd); keep(scd, "scd")
pairs <- svydesign(data = scd, prob = ~1, id = ~ambulance, strata = ~ESA, nest = TRUE)
for (rho in c(0, 0.3)) {
  kind <- if (rho) "Fay" else "BRR"
  half <- as.svrepdesign(pairs, type = kind, fay.rho = rho)
  add(paste0("scd/", kind), paste("scd", kind), "svyratio(~alive,~arrests)",
      svyratio(~alive, ~arrests, half), scale = half$scale)
}

clus1 <- svydesign(id = ~dnum, weights = ~pw, data = apiclus1, fpc = ~fpc)
strat <- svydesign(id = ~1, strata = ~stype, weights = ~pw, data = apistrat, fpc = ~fpc)
for (x in list(list("jk1", as.svrepdesign(clus1, type = "JK1"), "as.svrepdesign(clus1, 'JK1')"),
               list("jkn", as.svrepdesign(strat, type = "JKn"), "as.svrepdesign(strat, 'JKn')"))) {
  add(paste0(x[[1]], "/mean"), x[[3]], "svymean(~api00)", svymean(~api00, x[[2]]))
  add(paste0(x[[1]], "/total"), x[[3]], "svytotal(~enroll)", svytotal(~enroll, x[[2]]))
  add(paste0(x[[1]], "/ratio"), x[[3]], "svyratio(~api.stu, ~enroll)",
      svyratio(~api.stu, ~enroll, x[[2]]))
}
jk1 <- as.svrepdesign(clus1, type = "JK1")
sizes <- data.frame(stype = c("E", "H", "M"), Freq = c(4421, 755, 1018))
wide <- data.frame(sch.wide = c("No", "Yes"), Freq = c(1072, 5122))
linear <- calibrate(jk1, ~stype + api99,
                    c(`(Intercept)` = 6194, stypeH = 755, stypeM = 1018, api99 = 3914069))
add("jk1/linear", "JK1 then linear calibrate", "svymean(~api00)", svymean(~api00, linear))
raked <- rake(jk1, list(~stype, ~sch.wide), list(sizes, wide), control = list(maxit = 200, epsilon = 1e-10))
add("jk1/rake", "JK1 then rake each replicate", "svytotal(~enroll)", svytotal(~enroll, raked))

set.seed(2008)
bare <- svydesign(id = ~dnum, weights = ~pw, data = apiclus1)
for (x in list(
  list("subboot", as.svrepdesign(bare, "subbootstrap", replicates = 50),
       "as.svrepdesign(clus1_nofpc,'subbootstrap',50) (replicates given in CSV)"),
  list("mrb", as.svrepdesign(two, "mrbbootstrap", replicates = 50),
       "as.svrepdesign(clus2,'mrbbootstrap',50) (CSV)"),
  list("canty", as.svrepdesign(strat, "bootstrap", replicates = 50),
       "as.svrepdesign(strat,'bootstrap' (Canty-Davison),50) (CSV)"))) {
  keep(as.data.frame(weights(x[[2]], "analysis")), paste0("repw_", x[[1]]))
  add(paste0(x[[1]], "/mean"), x[[3]], "svymean(~api00)", svymean(~api00, x[[2]]),
      scale = x[[2]]$scale, rscales = x[[2]]$rscales, mse = isTRUE(x[[2]]$mse))
}

pbc <- survival::pbc
pbc$sx <- as.character(pbc$sex); pbc$rand <- !is.na(pbc$trt) & pbc$trt > 0
pbc$protime[is.na(pbc$protime)] <- 11
keep(pbc, "twophase_pbc")
words <- "twophase(id=list(~id,~id),strata=list(NULL,~sx),subset=~rand,method='full')"
phases <- twophase(id = list(~id, ~id), strata = list(NULL, ~sx), subset = ~rand, data = pbc, method = "full")
add("twophase/mean", words, "svymean(~bili)", svymean(~bili, phases))
add("twophase/total", words, "svytotal(~protime)", svytotal(~protime, phases))
out[[length(out) + 1]] <- list(
  id = "clus1/must_fail", call = "calibrate(~stype, linear, bounds 0.7..1.5)", must_fail = TRUE,
  design = "svydesign(ids=~dnum, weights=~pw, fpc=~fpc, data=apiclus1)")

pop <- list(popE = 4421, popH = 755, popM = 1018, api99_total = 3914069, N = 6194)
meta <- list(survey = as.character(packageVersion("survey")), pop = pop,
             pop_sch_wide = list(No = 1072, Yes = 5122))
write(toJSON(list(meta = meta, tests = out), digits = 17, auto_unbox = TRUE), file.path(dir, "reference.json"))
